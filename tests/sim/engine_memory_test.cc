// Many partitions that write at the same time, in less memory than a chunk for each.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

// Each round leaves its chunks partly filled, and the next one needs more room than is left in them; in the third the
// files are full too. Whoever waits must not hold what the others wait for, nor the journal go without.
TEST(EngineMemory, WritersThatWaitForMemoryDoNotHoldIt) {
  constexpr size_t kPartitions = 700;
  constexpr uint64_t kBatchBytes = 10'000;
  NodeOptions node_options;
  node_options.buffer_bytes = 8 << 20;
  EngineOptions options = EngineNode::small_segments();
  EngineNode node(1, node_options, options);
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys =
      node.make_topics(kPartitions, {{"segment.bytes", "65536"}});
  for (int round = 0; round < 8; ++round) {
    const auto answers = node.append_each(keys, kBatchBytes);
    for (size_t i = 0; i < answers.size(); ++i) {
      ASSERT_TRUE(answers[i].ok())
          << "round " << round << ", partition " << i << ": " << name_of(answers[i].error());
    }
  }
  for (const PartitionKey& key : {keys.front(), keys.back()}) {
    const auto stored = node.read_all(key);
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(stored.value(), node.acknowledged(key));
  }
}

// More partitions than have a chunk each: when their turn comes again, what is appended joins the partial block that the
// last one left, and is one write.
TEST(EngineMemory, AnAppendToOneOfManyIsOneWriteAndReadsNothing) {
  constexpr size_t kPartitions = 600;
  constexpr uint64_t kBatchBytes = 10'000;
  NodeOptions node_options;
  node_options.buffer_bytes = 8 << 20;
  EngineNode node(2, node_options, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys =
      node.make_topics(kPartitions, {{"segment.bytes", "1048576"}});
  const auto append_round = [&] {
    for (const PartitionKey& key : keys) ASSERT_TRUE(node.append_one(key, kBatchBytes).ok());
  };
  append_round();  // makes the files
  const uint64_t read_count = node.disk().operation_count(DiskOperation::read);
  const uint64_t write_count = node.disk().operation_count(DiskOperation::write);
  for (int round = 0; round < 3; ++round) append_round();
  EXPECT_EQ(node.disk().operation_count(DiskOperation::read), read_count);
  EXPECT_LT(node.disk().operation_count(DiskOperation::write),
            write_count + 3 * kPartitions + kPartitions / 10);  // a few prepare files
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  for (const PartitionKey& key : {keys.front(), keys.back()}) {
    const auto stored = node.read_all(key);
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(stored.value(), node.acknowledged(key));
  }
}

// Writes of many partitions that complete soon after each other share a flush, though the first of them wants one at once.
TEST(EngineMemory, AFlushWaitsForWritesThatAreUnderWay) {
  constexpr size_t kPartitions = 64;
  constexpr uint64_t kBatchBytes = 10'000;
  constexpr uint64_t kRounds = 20;
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {1 << 20};
  EngineNode node(4, {}, options);
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys =
      node.make_topics(kPartitions, {{"segment.bytes", "1048576"}});
  const auto round_count = [&node] {
    const auto figures =
        node.world().call(node.node(), 0, [&node] { return node.engine().figures(); });
    check(figures.has_value());
    return figures->flushes.durations.count();
  };
  for (const auto& answer : node.append_each(keys, kBatchBytes)) ASSERT_TRUE(answer.ok());
  const uint64_t before = round_count();
  for (uint64_t round = 0; round < kRounds; ++round) {
    for (const auto& answer : node.append_each(keys, kBatchBytes)) ASSERT_TRUE(answer.ok());
  }
  EXPECT_LE(round_count() - before, 3 * kRounds);
}

// Each has one batch, and nothing to collect while it waits: as many are on their way as the disk is asked for.
TEST(EngineMemory, ManyWhoHaveLittleWriteSideBySide) {
  constexpr size_t kPartitions = 64;
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {1 << 20};
  EngineNode node(5, {}, options);
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys =
      node.make_topics(kPartitions, {{"segment.bytes", "1048576"}});
  for (const auto& answer : node.append_each(keys, 60'000)) ASSERT_TRUE(answer.ok());
  size_t writes_max = 0;
  node.disk().on_completion([&](const DiskRequest& request, int64_t) {
    if (request.operation != DiskOperation::write) return;
    writes_max = std::max(writes_max, node.disk().writes_in_flight_count());
  });
  for (const auto& answer : node.append_each(keys, 60'000)) ASSERT_TRUE(answer.ok());
  EXPECT_GE(writes_max, 24u);
  EXPECT_LE(writes_max, 32u);
  node.disk().on_completion({});
}

// More is appended than the logs' ends may have in memory: whoever waits for it places all that its partition was given
// meanwhile, and that is one write.
TEST(EngineMemory, WhatWaitsForMemoryIsWrittenTogether) {
  constexpr size_t kPartitions = 300;
  constexpr size_t kOfEach = 8;
  constexpr uint64_t kBatchBytes = 60'000;
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {1 << 20};
  NodeOptions node_options;
  node_options.buffer_bytes = 64 << 20;
  EngineNode node(6, node_options, options);
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys =
      node.make_topics(kPartitions, {{"segment.bytes", "1048576"}});
  // Makes the files.
  for (const auto& answer : node.append_each(keys, 300)) ASSERT_TRUE(answer.ok());
  std::vector<PartitionKey> in_turn;
  for (size_t i = 0; i < kOfEach; ++i) in_turn.insert(in_turn.end(), keys.begin(), keys.end());
  uint64_t written_bytes = 0;
  uint64_t write_count = 0;
  node.disk().on_completion([&](const DiskRequest& request, int64_t) {
    if (request.operation != DiskOperation::write || request.length_bytes < kBatchBytes) return;
    written_bytes += request.length_bytes;
    ++write_count;
  });
  for (const auto& answer : node.append_each(in_turn, kBatchBytes)) ASSERT_TRUE(answer.ok());
  node.disk().on_completion({});
  ASSERT_GE(written_bytes, kPartitions * kOfEach * kBatchBytes);
  EXPECT_LE(write_count, kPartitions * kOfEach / 2);
}

// On a disk that takes half a second for a write they stand in line for longer than the patience with one that has stopped.
// Who has little to append is not kept waiting by them.
TEST(EngineMemory, WhoWaitsInLineIsServedHoweverSlowTheDisk) {
  constexpr uint64_t kWriteNs = 500'000'000;
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {1 << 20};
  NodeOptions node_options;
  node_options.buffer_bytes = 128 << 20;
  node_options.disk.latency_ns_min = kWriteNs;
  node_options.disk.latency_ns_max = kWriteNs + 1;
  node_options.disk.flush_ns_max = kWriteNs + 1;
  EngineNode node(9, node_options, options);
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys = node.make_topics(301, {{"segment.bytes", "1048576"}});
  // Makes the files.
  for (const auto& answer : node.append_each(keys, 300)) ASSERT_TRUE(answer.ok());
  std::vector<EngineNode::Wish> wishes;
  for (size_t i = 0; i < 6 * 300; ++i) wishes.push_back({keys[i % 300], 60'000});
  wishes.push_back({keys[300], 300});
  int64_t placed_last_ms = 0;
  const auto answers = node.append_wishes(wishes);
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.ok()) << name_of(answer.error());
    placed_last_ms = std::max(placed_last_ms, answer.value().append_time_ms);
  }
  const int64_t began_ms = answers.front().value().append_time_ms;
  EXPECT_GT(placed_last_ms - began_ms, 10'000);
  EXPECT_LT(answers.back().value().append_time_ms - began_ms, 1'000);
}

// Also where the chunk that the last one lies in has room for a part of it.
TEST(EngineMemory, AnAppendWithNoneUnderWayIsOneWrite) {
  constexpr uint64_t kBatchBytes = 10'000;
  constexpr uint64_t kAppends = 50;
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {1 << 20};  // so that one file is enough
  EngineNode node(3, {}, options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"segment.bytes", "1048576"}});
  ASSERT_TRUE(node.append_one(key, kBatchBytes).ok());  // makes the file
  const uint64_t write_count = node.disk().operation_count(DiskOperation::write);
  for (uint64_t i = 0; i < kAppends; ++i) ASSERT_TRUE(node.append_one(key, kBatchBytes).ok());
  EXPECT_LT(node.disk().operation_count(DiskOperation::write),
            write_count + kAppends + kAppends / 5);  // a few prepare files
}

}  // namespace
}  // namespace penstock::sim
