// What is changed of topics, of the node and of clients' quotas while it runs: at once, on every partition, and kept over crashes.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

using Entries = TopicConfig::Entries;

ConfigChanges set_one(const std::string& name, const std::string& value) {
  ConfigChanges changes;
  changes.changes.push_back({ConfigChange::Operation::set, name, value});
  return changes;
}

// Empty: it did not come to an end in time.
std::optional<Result<void>> alter(EngineNode& node, TopicId id, const ConfigChanges& changes,
                                  bool validate_only = false, uint64_t within_ns = 60 * kSecondNs) {
  auto* const what = new std::string;  // a task that is abandoned with its node still refers to it
  Engine* const engine = &node.engine();
  const auto altered = node.world().call(
      node.node(), 0,
      [engine, id, changes, validate_only, what] {
        return engine->alter_topic(id, changes, validate_only, *what);
      },
      within_ns);
  if (!altered) return std::nullopt;
  EXPECT_EQ(what->empty(), altered->ok());
  delete what;
  return *altered;
}

Result<void> alter_node(EngineNode& node, const std::string& scope, const ConfigChanges& changes) {
  std::string what;
  Engine* const engine = &node.engine();
  const auto altered = node.world().call(node.node(), 0, [engine, scope, changes, &what] {
    return engine->alter_node(scope, changes, false, what);
  });
  return *altered;
}

Result<void> grow(EngineNode& node, TopicId id, uint32_t count) {
  Engine* const engine = &node.engine();
  return *node.world().call(node.node(), 0,
                            [engine, id, count] { return engine->create_partitions(id, count); });
}

const Topic& topic_of(EngineNode& node, const PartitionKey& key) {
  return *node.engine().catalog().find(key.topic);
}

TEST(EngineCatalog, AnAlteredTopicIsAlteredOnItsPartitionsAndAfterACrash) {
  EngineNode node(1, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key =
      node.make_topic("t", {{"message.timestamp.type", "LogAppendTime"}, {"flush.ms", "7"}});
  for (const auto& answer : node.append(key, 5, 700)) ASSERT_TRUE(answer.ok());
  (void)node.world().run_for(100 * kSecondNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{0});
  ASSERT_TRUE(alter(node, key.topic, set_one("retention.ms", "60000"))->ok());
  (void)node.world().run_for(10 * kSecondNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{5});  // without a restart

  const Entries expected = {
      {"message.timestamp.type", "LogAppendTime"}, {"flush.ms", "7"}, {"retention.ms", "60000"}};
  EXPECT_EQ(topic_of(node, key).config_entries, expected);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  EXPECT_EQ(topic_of(node, key).config_entries, expected);
  EXPECT_EQ(topic_of(node, key).config.retention_ms, 60'000);
}

TEST(EngineCatalog, WhatCannotBeAlteredIsRefusedWhole) {
  EngineNode node(2, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"retention.ms", "5"}});
  ConfigChanges changes = set_one("retention.ms", "6");
  changes.changes.push_back({ConfigChange::Operation::set, "segment.ms", "0"});
  EXPECT_EQ(alter(node, key.topic, changes)->error(), Error::invalid_argument);
  EXPECT_EQ(alter(node, key.topic, set_one("no.such", "6"))->error(), Error::invalid_argument);
  changes.changes = {{ConfigChange::Operation::append, "retention.ms", "6"}};
  EXPECT_EQ(alter(node, key.topic, changes)->error(), Error::invalid_argument);
  changes.changes = {{ConfigChange::Operation::subtract, "cleanup.policy", "delete"}};
  EXPECT_EQ(alter(node, key.topic, changes)->error(), Error::invalid_argument);
  EXPECT_EQ(topic_of(node, key).config_entries, Entries({{"retention.ms", "5"}}));
  EXPECT_TRUE(alter(node, key.topic, set_one("retention.ms", "6"), true)->ok());  // only asked
  EXPECT_EQ(topic_of(node, key).config_entries, Entries({{"retention.ms", "5"}}));
}

TEST(EngineCatalog, ListsGrowAndShrinkAndEntriesGo) {
  EngineNode node(3, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"retention.ms", "5"}, {"flush.ms", "7"}});
  const std::string list = "leader.replication.throttled.replicas";
  ConfigChanges changes;
  changes.changes = {{ConfigChange::Operation::append, list, "0:1, 1:1"},
                     {ConfigChange::Operation::append, list, "2:1,0:1"},
                     {ConfigChange::Operation::subtract, list, "1:1"},
                     {ConfigChange::Operation::remove, "flush.ms", ""}};
  ASSERT_TRUE(alter(node, key.topic, changes)->ok());
  EXPECT_EQ(topic_of(node, key).config_entries,
            Entries({{"retention.ms", "5"}, {list, "2:1,0:1"}}));
  changes = set_one("segment.ms", "9");
  changes.replaces_all = true;
  ASSERT_TRUE(alter(node, key.topic, changes)->ok());
  EXPECT_EQ(topic_of(node, key).config_entries, Entries({{"segment.ms", "9"}}));
  EXPECT_EQ(topic_of(node, key).config.retention_ms, -1);
}

TEST(EngineCatalog, AnAlterationThatACrashInterruptsIsThereOrNot) {
  uint64_t kept = 0;
  uint64_t lost = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    EngineNode node(seed, {}, EngineNode::small_segments());
    ASSERT_TRUE(node.start().ok());
    const PartitionKey key = node.make_topic("t", {});
    SimRandom random = node.world().random("alterations");
    uint64_t value = 1000;
    const uint64_t whole = random.below(4);
    for (uint64_t i = 0; i < whole; ++i) {
      ASSERT_TRUE(alter(node, key.topic, set_one("flush.ms", std::to_string(++value)))->ok());
    }
    const auto last = alter(node, key.topic, set_one("flush.ms", std::to_string(value + 1)), false,
                            random.below(400'000));
    if (last) ++value;
    node.crash(random.chance(0.5) ? Crash::power : Crash::kill);
    ASSERT_TRUE(node.start().ok());
    const Entries& found = topic_of(node, key).config_entries;
    const uint64_t is = found.empty() ? 1000 : std::stoull(found.at("flush.ms"));
    EXPECT_TRUE(is == value || (!last && is == value + 1)) << is << ", not " << value;
    (is == value ? lost : kept) += last ? 0 : 1;
  }
  EXPECT_GT(lost, 0u);
}

// Empty: it did not come to an end in time.
std::optional<Result<void>> alter_quota(EngineNode& node, const QuotaChange& change,
                                        uint64_t within_ns = 60 * kSecondNs) {
  Engine* const engine = &node.engine();
  return node.world().call(
      node.node(), 0, [engine, change] { return engine->alter_quota(change); }, within_ns);
}

TEST(EngineCatalog, QuotasAreKeptOverACrash) {
  EngineNode node(6, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const QuotaEntity one{std::nullopt, "one"};
  const QuotaEntity others{std::nullopt, ""};
  ASSERT_TRUE(alter_quota(node, {one, 1000, std::nullopt})->ok());
  ASSERT_TRUE(alter_quota(node, {one, std::nullopt, 50})->ok());
  ASSERT_TRUE(alter_quota(node, {others, 7, std::nullopt})->ok());
  node.make_topic("t", {});
  ASSERT_TRUE(alter_quota(node, {others, 0, 0})->ok());
  const ClientQuotas expected{{one, {1000, 50}}};
  EXPECT_EQ(node.engine().catalog().quotas(), expected);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  EXPECT_EQ(node.engine().catalog().quotas(), expected);
}

TEST(EngineCatalog, AQuotaThatACrashInterruptsIsThereOrNot) {
  uint64_t lost = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    EngineNode node(seed, {}, EngineNode::small_segments());
    ASSERT_TRUE(node.start().ok());
    SimRandom random = node.world().random("quotas");
    const QuotaEntity entity{"user", "client"};
    double rate = static_cast<double>(random.below(3));
    if (rate > 0) {
      ASSERT_TRUE(alter_quota(node, {entity, rate, std::nullopt})->ok());
    }
    const auto last = alter_quota(node, {entity, rate + 1, std::nullopt}, random.below(400'000));
    if (last) ++rate;
    node.crash(random.chance(0.5) ? Crash::power : Crash::kill);
    ASSERT_TRUE(node.start().ok());
    const ClientQuotas& found = node.engine().catalog().quotas();
    const double is = found.empty() ? 0 : found.at(entity).producer_byte_rate;
    EXPECT_TRUE(is == rate || (!last && is == rate + 1)) << is << ", not " << rate;
    if (!last && is == rate) ++lost;
  }
  EXPECT_GT(lost, 0u);
}

TEST(EngineCatalog, NewPartitionsAreThereAtOnceAndAfterACrash) {
  EngineNode node(4, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey first = node.make_topic("t", {{"flush.ms", "7"}});
  const PartitionKey third{first.topic, 2};
  EXPECT_EQ(node.append_one(third, 100).error(), Error::not_found);
  EXPECT_EQ(grow(node, first.topic, 1).error(), Error::invalid_argument);
  EXPECT_EQ(grow(node, first.topic, 0).error(), Error::invalid_argument);
  EXPECT_EQ(grow(node, first.topic, kPartitionsMax + 1).error(), Error::too_large);
  EXPECT_EQ(grow(node, TopicId{1, 2}, 4).error(), Error::not_found);
  ASSERT_TRUE(grow(node, first.topic, 3).ok());
  ASSERT_TRUE(node.append_one(first, 100).ok());
  ASSERT_TRUE(node.append_one(third, 100).ok());
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  EXPECT_EQ(topic_of(node, first).partition_count, 3u);
  EXPECT_EQ(topic_of(node, first).config_entries, Entries({{"flush.ms", "7"}}));
  for (const PartitionKey& key : {first, third}) {
    const auto stored = node.read_all(key);
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(node.missing_count(key, stored.value()), 0u);
  }
}

TEST(EngineCatalog, TheNodesDefaultsReachTopicsThatSayNothing) {
  EngineOptions options = EngineNode::small_segments();
  options.topic_defaults.retention_ms = 77'000;
  EngineNode node(5, {}, options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey silent = node.make_topic("silent", {});
  const PartitionKey own = node.make_topic("own", {{"retention.ms", "5000"}});
  ASSERT_TRUE(alter_node(node, "1", set_one("log.retention.ms", "90000")).ok());
  ASSERT_TRUE(alter_node(node, "", set_one("log.retention.ms", "80000")).ok());
  ASSERT_TRUE(alter_node(node, "", set_one("message.max.bytes", "5000")).ok());
  EXPECT_EQ(alter_node(node, "", set_one("retention.ms", "1")).error(), Error::invalid_argument);
  for (int i = 0; i < 2; ++i) {
    const PartitionKey later = node.make_topic("later-" + std::to_string(i), {});
    for (const PartitionKey& key : {silent, later}) {
      EXPECT_EQ(topic_of(node, key).config.retention_ms, 90'000);
      EXPECT_EQ(topic_of(node, key).config.max_message_bytes, 5000u);
      EXPECT_TRUE(topic_of(node, key).config_entries.empty());
    }
    EXPECT_EQ(topic_of(node, own).config.retention_ms, 5000);
    node.crash(Crash::power);
    ASSERT_TRUE(node.start().ok());
  }
  ConfigChanges nothing;
  nothing.replaces_all = true;
  ASSERT_TRUE(alter_node(node, "1", nothing).ok());
  EXPECT_EQ(topic_of(node, silent).config.retention_ms, 80'000);
  ASSERT_TRUE(alter_node(node, "", nothing).ok());
  EXPECT_EQ(topic_of(node, silent).config.retention_ms, 77'000);
}

}  // namespace
}  // namespace penstock::sim
