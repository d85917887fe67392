#include "engine/topic_config.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace penstock {
namespace {

TEST(TopicConfigTable, SaysEachThingOnceAndItsDefaultsAreValuesOfIt) {
  std::set<std::string_view> names;
  std::set<std::string_view> node_names;
  for (const TopicConfigEntry& entry : topic_config_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    if (!entry.node_name.empty()) {
      EXPECT_TRUE(node_names.insert(entry.node_name).second) << entry.node_name;
      EXPECT_EQ(find_topic_config_of_node(entry.node_name), &entry);
    }
    EXPECT_EQ(find_topic_config(entry.name), &entry);
    EXPECT_FALSE(entry.doc.empty());
    TopicConfig config;
    ASSERT_TRUE(entry.set(config, entry.default_text)) << entry.name;
    EXPECT_EQ(entry.get(config), entry.default_text) << entry.name;
    EXPECT_EQ(entry.get(TopicConfig::kafka_defaults()), entry.default_text) << entry.name;
  }
  EXPECT_EQ(find_topic_config("no.such"), nullptr);
  EXPECT_EQ(find_topic_config_of_node(""), nullptr);
}

// The 33 that Kafka 4.0 lists for a topic, and ours.
TEST(TopicConfigTable, HasEverythingThatKafkaHas) {
  const char* const names[] = {"cleanup.policy",
                               "retention.ms",
                               "retention.bytes",
                               "segment.bytes",
                               "segment.ms",
                               "segment.jitter.ms",
                               "segment.index.bytes",
                               "max.message.bytes",
                               "compression.type",
                               "compression.gzip.level",
                               "compression.lz4.level",
                               "compression.zstd.level",
                               "message.timestamp.type",
                               "message.timestamp.before.max.ms",
                               "message.timestamp.after.max.ms",
                               "leader.replication.throttled.replicas",
                               "follower.replication.throttled.replicas",
                               "remote.storage.enable",
                               "min.cleanable.dirty.ratio",
                               "min.compaction.lag.ms",
                               "max.compaction.lag.ms",
                               "delete.retention.ms",
                               "file.delete.delay.ms",
                               "index.interval.bytes",
                               "preallocate",
                               "flush.messages",
                               "flush.ms",
                               "min.insync.replicas",
                               "unclean.leader.election.enable",
                               "local.retention.ms",
                               "local.retention.bytes",
                               "penstock.durability",
                               "penstock.check.compressed"};
  for (const char* name : names) EXPECT_NE(find_topic_config(name), nullptr) << name;
}

TEST(TopicConfigTable, TakesEveryValueInItsRangeAndNoOther) {
  struct Case {
    const char* name;
    std::vector<const char*> taken;
    std::vector<const char*> refused;
  };
  const Case cases[] = {
      {"compression.type",
       {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd", " lz4 "},
       {"none", "ZSTD", "", "brotli"}},
      {"compression.gzip.level", {"-1", "1", "9"}, {"10", "-2", "x"}},
      {"compression.lz4.level", {"1", "17"}, {"0", "18"}},
      {"compression.zstd.level", {"-131072", "22"}, {"23"}},
      {"min.cleanable.dirty.ratio", {"0", "0.25", "1", "1.0"}, {"-0.1", "1.5", "nan", "inf", ""}},
      {"max.compaction.lag.ms", {"1", "9223372036854775807"}, {"0", "9223372036854775808"}},
      {"preallocate", {"true", "FALSE"}, {"yes", "1", ""}},
      {"remote.storage.enable", {"false"}, {"true"}},
      {"leader.replication.throttled.replicas",
       {"", "*", "0:1", "0:1, 1:1"},
       {"0", "0:", ":1", "0:1,", "a:b", "-1:1"}},
      {"message.timestamp.type", {"CreateTime", "LogAppendTime"}, {"createtime", ""}},
      {"min.insync.replicas", {"1", "2147483647"}, {"0", "2147483648"}},
      {"segment.index.bytes", {"4"}, {"3"}},
      {"local.retention.ms", {"-2"}, {"-3"}},
      {"cleanup.policy", {"delete", " delete ", "delete,delete"}, {"", "delete,", "compost"}},
  };
  for (const Case& each : cases) {
    std::string what;
    for (const char* value : each.taken) {
      EXPECT_TRUE(TopicConfig::parse({{each.name, value}}, what).ok()) << each.name << "=" << value;
    }
    for (const char* value : each.refused) {
      EXPECT_FALSE(TopicConfig::parse({{each.name, value}}, what).ok())
          << each.name << "=" << value;
      EXPECT_NE(what.find(each.name), std::string::npos);
    }
  }
}

TEST(TopicConfigTable, SetsTheTwoFlagsOfACleanupPolicy) {
  const TopicConfigEntry& policy = *find_topic_config("cleanup.policy");
  const std::tuple<const char*, bool, bool, const char*> cases[] = {
      {"delete", true, false, "delete"},
      {"compact", false, true, "compact"},
      {"compact,delete", true, true, "compact,delete"},
      {"delete, compact", true, true, "compact,delete"}};
  for (const auto& [text, deletes, compacts, shown] : cases) {
    TopicConfig config;
    ASSERT_TRUE(policy.set(config, text));
    EXPECT_EQ(config.delete_policy, deletes) << text;
    EXPECT_EQ(config.compact_policy, compacts) << text;
    EXPECT_EQ(policy.get(config), shown);
  }
}

TEST(TopicConfigTable, SaysWhatIsWrongInFewWordsWhateverCame) {
  std::string what;
  const std::string huge(1 << 20, 'x');
  EXPECT_FALSE(TopicConfig::parse({{huge, "1"}}, what).ok());
  EXPECT_LT(what.size(), 300u);
  EXPECT_FALSE(TopicConfig::parse({{"retention.ms", huge}}, what).ok());
  EXPECT_LT(what.size(), 300u);
  std::string replicas = "0:1";
  while (replicas.size() < 100'000) replicas += ",0:1";
  EXPECT_FALSE(
      TopicConfig::parse({{"leader.replication.throttled.replicas", replicas}}, what).ok());
  EXPECT_LT(what.size(), 300u);
}

}  // namespace
}  // namespace penstock
