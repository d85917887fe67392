// What compaction may take of the machine, and whom it may keep waiting.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/compression.h"
#include "engine/record_batch.h"
#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

EngineOptions options_with(uint64_t key_bytes_max, uint64_t bytes_per_second) {
  EngineOptions options = EngineNode::small_segments();
  options.cleaner_interval_ns = kSecondNs;
  options.cleaner_key_bytes_max = key_bytes_max;
  options.cleaner_bytes_per_second = bytes_per_second;
  return options;
}

CleanerFigures figures_of(EngineNode& node) {
  const auto figures =
      node.world().call(node.node(), 0, [&node] { return node.engine().figures(); });
  check(figures.has_value());
  return figures->cleaner;
}

PartitionKey make_compacted(EngineNode& node) {
  return node.make_topic("t", {{"cleanup.policy", "compact"},
                               {"min.cleanable.dirty.ratio", "0"},
                               {"segment.bytes", "60000"}});
}

void append_rounds(EngineNode& node, PartitionKey key, int rounds, int keys) {
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < keys; ++i) {
      ASSERT_TRUE(node.append_keyed(key, "key-" + std::to_string(i), 20).ok());
    }
  }
}

TEST(EngineCleaner, MoreKeysThanThereIsMemoryForTakeMorePasses) {
  constexpr uint64_t kKeyBytesMax = 16 << 10;  // for 512 keys
  EngineNode node(1, {}, options_with(kKeyBytesMax, 1 << 20));
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = make_compacted(node);
  append_rounds(node, key, 2, 2'000);
  uint64_t key_bytes_seen = 0;
  for (int i = 0; i < 300; ++i) {
    (void)node.world().run_for(kSecondNs / 10);
    key_bytes_seen = std::max(key_bytes_seen, figures_of(node).key_bytes);
  }
  EXPECT_EQ(key_bytes_seen, kKeyBytesMax);
  const CleanerFigures figures = figures_of(node);
  EXPECT_GE(figures.pass_count, 4u);
  EXPECT_EQ(figures.failed_count, 0u);
  EXPECT_EQ(figures.key_bytes, 0u);
  EXPECT_GT(figures.removed_record_count, 1'000u);
  EXPECT_GT(figures.replaced_segment_count, 0u);
  const auto stored = node.read_all(key);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored.value().size(), 4'000 - figures.removed_record_count);
  EXPECT_EQ(node.missing_count(key, stored.value()), figures.removed_record_count);
}

TEST(EngineCleaner, ReadsAndWritesNoMoreThanItsBudget) {
  constexpr uint64_t kBytesPerSecond = 20'000;
  EngineNode node(2, {}, options_with(128 << 20, kBytesPerSecond));
  ASSERT_TRUE(node.start().ok());
  append_rounds(node, make_compacted(node), 20, 100);
  uint64_t before = 0;
  for (int i = 0; i < 20; ++i) {
    const CleanerFigures figures = figures_of(node);
    const uint64_t bytes = figures.read_bytes + figures.written_bytes;
    EXPECT_LE(bytes - before, 2 * kBytesPerSecond + 1'000);
    before = bytes;
    (void)node.world().run_for(2 * kSecondNs);
  }
  EXPECT_GT(before, 30 * kBytesPerSecond);
}

TEST(EngineCleaner, ASmallBudgetKeepsNobodyWaitingForASegment) {
  EngineNode node(3, {}, options_with(128 << 20, 10));  // a frame takes ten seconds
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = make_compacted(node);
  append_rounds(node, key, 20, 100);
  (void)node.world().run_for(30 * kSecondNs);
  ASSERT_GT(figures_of(node).read_bytes, 0u);
  ASSERT_EQ(figures_of(node).pass_count, 0u);
  const auto cut = node.world().call(
      node.node(), 0, [&node, key] { return node.engine().truncate_prefix(key, Offset{1'990}); },
      kSecondNs);
  EXPECT_TRUE(cut && cut->ok());
  append_rounds(node, key, 20, 100);
  (void)node.world().run_for(30 * kSecondNs);
  const auto removed = node.world().call(
      node.node(), 0, [&node, key] { return node.engine().delete_topic(key.topic); }, kSecondNs);
  EXPECT_TRUE(removed && removed->ok());
}

// 500 records of words, packed as hard as zstd can; the first one has the key that all batches have.
std::vector<std::byte> packed_batch(uint64_t number) {
  RecordBatchBuilder builder{{}};
  uint64_t state = number + 1;
  for (uint64_t i = 0; i < 500; ++i) {
    const std::string key = i == 0 ? "often" : fmt::format("{}-{}", number, i);
    std::string value;
    for (int word = 0; word < 20; ++word) {
      state = state * 6364136223846793005 + 1442695040888963407;
      value += fmt::format("{:x} ", (state >> 40) % 300 * 7919);
    }
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = 1'000'000;
    record.key = std::as_bytes(std::span(key.data(), key.size()));
    record.value = std::as_bytes(std::span(value.data(), value.size()));
    builder.add(record);
  }
  const std::vector<std::byte> plain = builder.build();
  std::vector<std::byte> packed(plain.begin(), plain.begin() + RecordBatch::kHeaderBytes);
  Compressor compressor;
  check(compressor
            .compress(Codec::zstd, 19, std::span(plain).subspan(RecordBatch::kHeaderBytes), packed)
            .ok());
  RecordBatch::set_codec(packed, Codec::zstd);
  return packed;
}

// With zstd's own level what is left of such a batch is longer than the batch was.
TEST(EngineCleaner, WhatGrowsThoughRecordsGoFitsIntoTheLargestFile) {
  EngineOptions options = options_with(128 << 20, 0);
  options.segment_class_bytes = {64 << 10, 256 << 10};
  EngineNode node(4, {}, options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"cleanup.policy", "compact"}});
  for (uint64_t number = 0; number < 30; ++number) {
    ASSERT_TRUE(node.append_batch(key, packed_batch(number)).ok());
  }
  (void)node.world().run_for(10 * kSecondNs);
  const CleanerFigures figures = figures_of(node);
  EXPECT_GT(figures.pass_count, 0u);
  EXPECT_EQ(figures.failed_count, 0u);
  EXPECT_EQ(figures.refused_partition_count, 0u);
  EXPECT_GT(figures.removed_record_count, 10u);
  EXPECT_GT(figures.written_bytes * 2, figures.read_bytes) << "nothing has grown";
}

}  // namespace
}  // namespace penstock::sim
