// What a log loses by its topic's retention, when, and what it never loses.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMinuteNs = 60 * kSecondNs;

using Config = std::map<std::string, std::string>;

Config by_append_time(Config config) {
  config["message.timestamp.type"] = "LogAppendTime";
  return config;
}

size_t file_count(EngineNode& node) { return node.disk().names("/data/segments").size(); }

int64_t wall_ms(EngineNode& node) { return node.world().doors(node.node()).clock.wall_ms(); }

TEST(EngineRetention, AnIdlePartitionExpiresWhollyAndItsLogGoesOn) {
  EngineNode node(1, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", by_append_time({{"retention.ms", "60000"}}));
  for (const auto& answer : node.append(key, 5, 700)) ASSERT_TRUE(answer.ok());
  const size_t files = file_count(node);
  (void)node.world().run_for(50 * kSecondNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{0});
  (void)node.world().run_for(20 * kSecondNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{5});
  EXPECT_EQ(node.offsets(key).log_end, Offset{5});
  EXPECT_TRUE(node.read_all(key).value().empty());

  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  EXPECT_EQ(node.offsets(key).log_start, Offset{5});
  const Result<AppendResult> next = node.append_one(key, 700);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next.value().base_offset, Offset{5});
  EXPECT_EQ(file_count(node), files);  // recycled
}

TEST(EngineRetention, APartitionThatAlwaysTakesRecordsLosesTheOldOnes) {
  EngineNode node(2, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", by_append_time({{"retention.ms", "60000"}}));
  std::vector<int64_t> append_times_ms;
  size_t files_max = 0;
  for (int i = 0; i < 120; ++i) {
    const Result<AppendResult> answer = node.append_one(key, 700);
    ASSERT_TRUE(answer.ok());
    append_times_ms.push_back(answer.value().append_time_ms);
    (void)node.world().run_for(5 * kSecondNs);
    const auto stored = node.read_all(key);
    ASSERT_TRUE(stored.ok());
    const int64_t now_ms = wall_ms(node);
    for (size_t offset = 0; offset < append_times_ms.size(); ++offset) {
      const int64_t age_ms = now_ms - append_times_ms[offset];
      const bool there = std::ranges::any_of(
          stored.value(), [&](const StoredBatch& batch) { return batch.base_offset == offset; });
      EXPECT_TRUE(there || age_ms > 60'000) << offset << " is gone after " << age_ms << " ms";
      EXPECT_TRUE(!there || age_ms < 2 * 60'000 + 15'000) << offset << " is kept " << age_ms;
    }
    files_max = std::max(files_max, file_count(node));
  }
  EXPECT_LE(files_max, 5u);  // the catalog's, the topic's, and the pool's
}

TEST(EngineRetention, ARestartDoesNotMakeSegmentsYounger) {
  EngineNode node(3, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key =
      node.make_topic("t", by_append_time({{"retention.ms", "600000"}, {"segment.ms", "60000"}}));
  const size_t files = file_count(node);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(node.append_one(key, 700).ok());
    (void)node.world().run_for(25 * kSecondNs);
    node.crash(Crash::kill);
    ASSERT_TRUE(node.start().ok());
  }
  EXPECT_EQ(file_count(node), files + 2);  // rolled once, after a minute
}

TEST(EngineRetention, JitterEndsSomeFilesSoonerAndNotAllAtOnce) {
  EngineNode node(7, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  std::vector<PartitionKey> keys;
  for (int i = 0; i < 20; ++i) {
    keys.push_back(node.make_topic("t" + std::to_string(i),
                                   {{"segment.ms", "60000"}, {"segment.jitter.ms", "59000"}}));
    ASSERT_TRUE(node.append_one(keys.back(), 700).ok());
  }
  const size_t files = file_count(node);
  (void)node.world().run_for(30 * kSecondNs);
  for (const PartitionKey& key : keys) ASSERT_TRUE(node.append_one(key, 700).ok());
  const size_t rolled = file_count(node) - files;
  EXPECT_GT(rolled, 0u);
  EXPECT_LT(rolled, keys.size());
}

TEST(EngineRetention, TheRecordsOwnTimesCountWhereTheTopicSaysSo) {
  EngineNode node(4, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"retention.ms", "3600000"}});
  node.set_batch_timestamp(wall_ms(node) - 3'590'000);
  ASSERT_TRUE(node.append_one(key, 700).ok());
  (void)node.world().run_for(5 * kSecondNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{0});
  (void)node.world().run_for(15 * kSecondNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{1});
  // From the future: as long as it says.
  node.set_batch_timestamp(wall_ms(node) + 600'000);
  ASSERT_TRUE(node.append_one(key, 700).ok());
  (void)node.world().run_for(65 * kMinuteNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{1});
  (void)node.world().run_for(6 * kMinuteNs);
  EXPECT_EQ(node.offsets(key).log_start, Offset{2});
}

TEST(EngineRetention, NothingExpiresWithoutALimit) {
  EngineOptions options = EngineNode::small_segments();
  options.topic_defaults.retention_ms = 60'000;
  EngineNode node(5, {}, options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey limited = node.make_topic("limited", {});
  const PartitionKey unlimited = node.make_topic("unlimited", {{"retention.ms", "-1"}});
  for (const PartitionKey& key : {limited, unlimited}) {
    for (const auto& answer : node.append(key, 3, 40'000)) ASSERT_TRUE(answer.ok());
  }
  // Also at a start, when what the topic says is not known before the catalog is read.
  for (int i = 0; i < 3; ++i) {
    node.crash(Crash::power);
    ASSERT_TRUE(node.start().ok());
    (void)node.world().run_for(10 * kSecondNs);
  }
  EXPECT_EQ(node.offsets(limited).log_start, Offset{3});
  EXPECT_EQ(node.offsets(unlimited).log_start, Offset{0});
  EXPECT_EQ(node.read_all(unlimited).value().size(), 3u);
}

TEST(EngineRetention, TheSizeLimitKeepsThatMuchAndLittleMore) {
  EngineNode node(6, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key =
      node.make_topic("t", {{"retention.bytes", "300000"}, {"segment.bytes", "60000"}});
  uint64_t log_start = 0;
  size_t files_max = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(node.append_one(key, 9'000).ok());
    if (i % 10 != 9) continue;
    (void)node.world().run_for(6 * kSecondNs);
    const auto stored = node.read_all(key);
    ASSERT_TRUE(stored.ok());
    const uint64_t bytes = stored.value().size() * 9'160;
    EXPECT_LE(bytes, 300'000u + 2 * 60'000u);
    if (i >= 40) {
      EXPECT_GE(bytes, 300'000u - 9'160u);
    }
    EXPECT_GE(node.offsets(key).log_start.value, log_start);
    log_start = node.offsets(key).log_start.value;
    files_max = std::max(files_max, file_count(node));
  }
  EXPECT_GT(log_start, 50u);
  EXPECT_LE(files_max, 12u);
}

TEST(EngineRetention, WhatAClientDeletedGivesItsFilesBack) {
  EngineNode node(7, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  ASSERT_TRUE(node.append_one(key, 9'000).ok());
  const size_t files = file_count(node);
  const auto truncated = node.world().call(
      node.node(), 0, [&] { return node.engine().truncate_prefix(key, Offset{1}); });
  ASSERT_TRUE(truncated && truncated->ok());
  (void)node.world().run_for(6 * kSecondNs);
  const PartitionKey other = node.make_topic("other", {});
  ASSERT_TRUE(node.append_one(other, 9'000).ok());
  EXPECT_EQ(file_count(node), files);
  ASSERT_TRUE(node.append_one(key, 9'000).ok());
  EXPECT_EQ(node.read_all(key).value().size(), 1u);
}

// A read of what expires while it waits for the disk.
Task<void> read_into(Engine& engine, PartitionKey key, std::optional<Result<ReadResult>>& answer) {
  answer = co_await engine.read(key, Offset{0}, 100'000);
}

TEST(EngineRetention, AReaderInTheMiddleOfWhatExpiresHasItsRecords) {
  NodeOptions slow;
  slow.disk.stall_ns = 30 * kSecondNs;
  slow.disk.stall_ratio = 0;
  for (const bool more : {false, true}) {  // the active segment, or one before it
    EngineNode node(8, slow, EngineNode::small_segments());
    ASSERT_TRUE(node.start().ok());
    const PartitionKey key = node.make_topic(
        "t", by_append_time({{"retention.ms", "60000"}, {"segment.bytes", "30000"}}));
    for (const auto& answer : node.append(key, 2, 9'000)) ASSERT_TRUE(answer.ok());
    node.stop();  // nothing of it in memory any more
    ASSERT_TRUE(node.start().ok());
    (void)node.world().run_for(50 * kSecondNs);
    if (more) {
      ASSERT_TRUE(node.append_one(key, 9'000).ok());
    }
    std::optional<Result<ReadResult>> answer;
    node.disk().fail_nth(DiskOperation::read, 1, DiskFault::stall);
    node.disk().fail_nth(DiskOperation::read, 2, DiskFault::stall);
    node.world().start(node.node(), 0, [&] { return read_into(node.engine(), key, answer); });
    (void)node.world().run_for(16 * kSecondNs);
    EXPECT_EQ(node.offsets(key).log_start, Offset{2});
    if (more) {  // others do not wait for it
      EXPECT_TRUE(node.append_one(key, 9'000).ok());
    }
    EXPECT_FALSE(answer.has_value()) << "the disk was not slow";
    (void)node.world().run_for(60 * kSecondNs);
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(answer->ok()) << name_of(answer->error());
    EXPECT_EQ(answer->value().next_offset, Offset{2});
    EXPECT_GE(answer->value().size_bytes, 18'000u);
  }
}

// A workload under time and size limits. What must be there is noted as it goes.
struct Played {
  PartitionKey timed;
  PartitionKey sized;
  std::vector<int64_t> append_times_ms;  // of `timed`, by offset
  std::map<PartitionKey, uint64_t> log_starts;
};

void look_at(EngineNode& node, PartitionKey key, Played& played) {
  const auto offsets =
      node.world().call(node.node(), 0, [&] { return node.engine().offsets(key); });
  if (!offsets || !offsets->ok()) return;
  const uint64_t log_start = offsets->value().log_start.value;
  EXPECT_GE(log_start, played.log_starts[key]);
  played.log_starts[key] = log_start;
}

void play(EngineNode& node, Played& played) {
  if (!node.start().ok()) return;
  Result<TopicId> made = node.try_topic("timed", by_append_time({{"retention.ms", "20000"}}));
  if (!made.ok()) return;
  played.timed = {made.value(), 0};
  made = node.try_topic("sized", {{"retention.bytes", "60000"}, {"segment.bytes", "20000"}});
  if (!made.ok()) return;
  played.sized = {made.value(), 0};
  for (int round = 0; round < 12 && node.is_up(); ++round) {
    for (const auto& answer : node.append(played.timed, 2, 900)) {
      if (answer.ok()) played.append_times_ms.push_back(answer.value().append_time_ms);
    }
    for (int i = 0; i < 3 && node.is_up(); ++i) (void)node.append_one(played.sized, 9'000);
    (void)node.world().run_for(4 * kSecondNs);
    for (const PartitionKey& key : {played.timed, played.sized}) {
      if (node.is_up()) look_at(node, key, played);
    }
  }
}

TEST(EngineRetention, NothingInsideItIsLostWhereverTheNodeDies) {
  EngineNode whole(9, {}, EngineNode::small_segments());
  Played undisturbed;
  play(whole, undisturbed);
  EXPECT_GT(undisturbed.log_starts[undisturbed.timed], 5u);
  EXPECT_GT(undisturbed.log_starts[undisturbed.sized], 5u);
  const uint64_t operations = whole.disk().operation_count();
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n) + " of " + std::to_string(operations));
    EngineNode node(9, {}, EngineNode::small_segments());
    Played played;
    node.disk().at_nth(n, [&] { node.world().crash(node.node(), Crash::power); });
    play(node, played);
    node.crash(Crash::power);
    ASSERT_TRUE(node.start().ok()) << testing::PrintToString(node.new_reports());
    const int64_t now_ms = wall_ms(node);
    for (const PartitionKey& key : {played.timed, played.sized}) {
      if (key == PartitionKey{}) continue;
      look_at(node, key, played);
      const auto stored = node.read_all(key);
      ASSERT_TRUE(stored.ok()) << name_of(stored.error());
      uint64_t missing_bytes = 0;
      uint64_t stored_bytes = stored.value().size() * 9'160;
      for (const StoredBatch& batch : node.acknowledged(key)) {
        if (std::ranges::find(stored.value(), batch) != stored.value().end()) continue;
        EXPECT_LT(batch.base_offset, node.offsets(key).log_start.value);
        missing_bytes += 9'160;
        if (key == played.timed) {
          EXPECT_GT(now_ms - played.append_times_ms[batch.base_offset], 20'000);
        }
      }
      if (key == played.sized && missing_bytes > 0) {
        EXPECT_GE(stored_bytes, 60'000u - 9'160u);
      }
      EXPECT_TRUE(node.append_one(key, 900).ok());
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace penstock::sim
