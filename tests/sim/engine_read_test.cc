// How cold offsets are found after a restart, and which files that opens.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "engine/record_batch.h"
#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

// What the disk was asked for.
struct DiskLog {
  explicit DiskLog(EngineNode& node) {
    node.disk().on_completion([this](const DiskRequest& request, int64_t result) {
      if (result >= 0) note(request, static_cast<uint64_t>(result));
    });
  }

  void note(const DiskRequest& request, uint64_t result) {
    if (request.operation == DiskOperation::open) {
      if (!std::string_view(request.path).ends_with(".segment")) return;
      ++opened_count;
      open.insert(result);
      open_max = std::max(open_max, open.size());
    }
    if (request.operation == DiskOperation::close) open.erase(request.file.value);
    if (request.operation == DiskOperation::read) {
      ++read_count;
      read_bytes += result;
    }
  }

  std::set<uint64_t> open;
  size_t open_max = 0;
  uint64_t opened_count = 0;
  uint64_t read_count = 0;
  uint64_t read_bytes = 0;
};

Task<Result<uint64_t>> base_offset_at(Engine& engine, PartitionKey key, Offset offset) {
  const Result<ReadResult> read = co_await engine.read(key, offset, 1);
  if (!read.ok()) co_return read.error();
  std::vector<std::byte> bytes;
  for (const ReadSlice& slice : read.value().slices) {
    bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
  }
  RecordBatch::Rules rules;
  rules.produced = false;
  const ParsedBatch batch = RecordBatch::parse(bytes, rules);
  if (!batch.ok()) co_return Error::corrupt;
  co_return batch.value().base_offset().value;
}

Result<uint64_t> found_at(EngineNode& node, PartitionKey key, uint64_t offset) {
  constexpr uint64_t kPatienceNs = 60'000'000'000;
  Engine* const engine = &node.engine();
  const auto found = node.world().call(
      node.node(), 0,
      [engine, key, offset] { return base_offset_at(*engine, key, Offset{offset}); }, kPatienceNs);
  check(found.has_value());
  return *found;
}

// Stretches of small batches beside stretches of large ones, in segments of up to 4 MiB.
PartitionKey grow(EngineNode& node) {
  const PartitionKey key = node.make_topic("t", {});
  for (int round = 0; round < 24; ++round) {
    for (const auto& answer : node.append(key, 12, round % 3 == 0 ? 60'000 : 9'000)) {
      check(answer.ok());
    }
    for (const auto& answer : node.append(key, 20, 300)) check(answer.ok());
  }
  return key;
}

EngineOptions large_segments() {
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {64 << 10, 256 << 10, 1 << 20, 4 << 20};
  return options;
}

TEST(EngineRead, AnyOffsetIsFoundInAFewReadsAfterARestart) {
  EngineNode node(21, {}, large_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = grow(node);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());

  std::vector<StoredBatch> batches = node.acknowledged(key);
  std::mt19937_64 random(5);
  std::shuffle(batches.begin(), batches.end(), random);
  DiskLog log(node);
  for (const StoredBatch& batch : batches) {
    log.read_count = log.read_bytes = 0;
    const Result<uint64_t> found = found_at(node, key, batch.base_offset);
    ASSERT_TRUE(found.ok()) << name_of(found.error());
    ASSERT_EQ(found.value(), batch.base_offset);
    ASSERT_LE(log.read_count, 14u);
    ASSERT_LE(log.read_bytes, 1'500'000u);
  }
}

// The place is guessed from those of others, and what is read to look there is the batch.
TEST(EngineRead, ABatchAmongLikeOnesIsFoundAndReadAtOnceAfterARestart) {
  EngineNode node(27, {}, large_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  for (int round = 0; round < 16; ++round) {
    for (const auto& answer : node.append(key, 12, 60'000)) ASSERT_TRUE(answer.ok());
  }
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());

  std::vector<StoredBatch> batches = node.acknowledged(key);
  std::mt19937_64 random(5);
  std::shuffle(batches.begin(), batches.end(), random);
  DiskLog log(node);
  for (const StoredBatch& batch : batches) {
    const Result<uint64_t> found = found_at(node, key, batch.base_offset);
    ASSERT_TRUE(found.ok()) << name_of(found.error());
    ASSERT_EQ(found.value(), batch.base_offset);
  }
  EXPECT_LE(log.read_count, batches.size() * 2);
  EXPECT_LE(log.read_bytes, batches.size() * (128 << 10));
}

TEST(EngineRead, AStartOpensOnlyWhatIsNotSealed) {
  EngineNode node(22, {}, large_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = grow(node);
  const size_t files = node.disk().names("/data/segments").size();
  ASSERT_GE(files, 5u);
  node.stop();
  DiskLog log(node);
  ASSERT_TRUE(node.start().ok());
  EXPECT_LE(log.opened_count,
            3u);  // the last of the topic, the catalog's, and that one again to inspect it
  EXPECT_EQ(node.missing_count(key, node.read_all(key).value()), 0u);
}

TEST(EngineRead, NoMoreFilesAreOpenThanMayBe) {
  EngineOptions options = large_segments();
  options.open_files_max = 2;
  options.segment_class_bytes = {64 << 10};
  EngineNode node(23, {}, options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  for (int round = 0; round < 12; ++round) {
    for (const auto& answer : node.append(key, 3, 15'000)) ASSERT_TRUE(answer.ok());
  }
  const size_t files = node.disk().names("/data/segments").size();
  ASSERT_GE(files, 9u);
  node.crash(Crash::power);  // nothing is in memory any more
  DiskLog log(node);
  ASSERT_TRUE(node.start().ok());
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(node.missing_count(key, node.read_all(key).value()), 0u);
    ASSERT_TRUE(node.append_one(key, 300).ok());
  }
  EXPECT_GT(log.opened_count, 2 * files);
  EXPECT_LE(log.open_max, 5u);  // two, one that is read, one that is written, one made ready ahead
}

// How many payload bytes there are from the log's start to its end, in reads of `max_bytes`.
Task<Result<uint64_t>> read_in_order(Engine& engine, PartitionKey key, size_t max_bytes) {
  uint64_t bytes = 0;
  for (Offset offset;;) {
    const Result<ReadResult> read = co_await engine.read(key, offset, max_bytes);
    if (!read.ok()) co_return read.error();
    if (read.value().size_bytes == 0) co_return bytes;
    bytes += read.value().size_bytes;
    offset = read.value().next_offset;
  }
}

Task<void> read_beside(Engine& engine, PartitionKey key, Result<uint64_t>& bytes) {
  bytes = co_await read_in_order(engine, key, 1);
}

// Two at a time, batch by batch: what each of them got.
Task<Result<uint64_t>> read_twice_at_once(Engine& engine, PartitionKey key) {
  Result<uint64_t> first = Error::closed;
  Result<uint64_t> second = Error::closed;
  TaskGroup readers;
  readers.spawn(read_beside(engine, key, first));
  readers.spawn(read_beside(engine, key, second));
  co_await readers.wait_empty();
  co_await engine.doors().scheduler.yield();
  if (!first.ok()) co_return first.error();
  if (!second.ok()) co_return second.error();
  if (first.value() != second.value()) co_return Error::corrupt;
  co_return first.value();
}

constexpr uint64_t kReadPatienceNs = 60'000'000'000;

TEST(EngineRead, WhoReadsBatchByBatchReadsEveryBlockOnce) {
  EngineNode node(24, {}, large_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = grow(node);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  Engine* const engine = &node.engine();
  DiskLog log(node);
  const auto bytes = node.world().call(
      node.node(), 0, [engine, key] { return read_in_order(*engine, key, 1); }, kReadPatienceNs);
  ASSERT_TRUE(bytes.has_value() && bytes->ok());
  ASSERT_GT(bytes->value(), 6u << 20);
  // The first reads of each segment, before it is known that they go on, and the end of the log, are read by themselves.
  EXPECT_LT(log.read_bytes, bytes->value() * 3 / 2);
  EXPECT_LT(log.read_count, node.acknowledged(key).size() / 6);
}

// `count` reads from the log's start, one after the other.
Task<Result<void>> read_some(Engine& engine, PartitionKey key, int count) {
  Offset offset;
  for (int i = 0; i < count; ++i) {
    const Result<ReadResult> read = co_await engine.read(key, offset, 1);
    if (!read.ok()) co_return read.error();
    offset = read.value().next_offset;
  }
  co_return Result<void>();
}

// A topic with 192 batches of 60 kB, cold, in a node with memory to keep all of them.
PartitionKey grow_cold(EngineNode& node) {
  check(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  for (int round = 0; round < 16; ++round) {
    for (const auto& answer : node.append(key, 12, 60'000)) check(answer.ok());
  }
  node.crash(Crash::power);
  check(node.start().ok());
  return key;
}

NodeOptions much_memory() {
  NodeOptions memory;
  memory.buffer_bytes = 64 << 20;
  return memory;
}

EngineOptions segments_of(uint64_t bytes) {
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {bytes};
  return options;
}

TEST(EngineRead, WhatIsReadAheadGoesOnWhileTheReaderIsElsewhere) {
  constexpr uint64_t kInFlightMax = 3 << 20;  // read ahead at one time
  EngineNode node(28, much_memory(), segments_of(16 << 20));
  const PartitionKey key = grow_cold(node);
  Engine* const engine = &node.engine();
  DiskLog log(node);
  const auto done = node.world().call(
      node.node(), 0, [engine, key] { return read_some(*engine, key, 12); }, kReadPatienceNs);
  ASSERT_TRUE(done.has_value() && done->ok());
  node.world().run_for(100'000'000);
  // Read: 12 batches of 60 kB, and then 4 MiB further, which are not all in flight at one time.
  EXPECT_GT(log.read_bytes, 12 * 60'000 + kInFlightMax + (512 << 10));
  EXPECT_LT(log.read_bytes, 12 * 60'000 + kInFlightMax * 2);
}

TEST(EngineRead, WhatIsReadAheadGoesOnInTheNextSegment) {
  EngineNode node(29, much_memory(), segments_of(2 << 20));
  const PartitionKey key = grow_cold(node);
  Engine* const engine = &node.engine();
  DiskLog log(node);
  for (int round = 0; round < 2; ++round) {  // in the middle of the first one
    const auto done = node.world().call(
        node.node(), 0, [engine, key] { return read_some(*engine, key, 16); }, kReadPatienceNs);
    ASSERT_TRUE(done.has_value() && done->ok());
    node.world().run_for(100'000'000);
  }
  EXPECT_GT(log.read_bytes, 3u << 20);
  EXPECT_LT(log.read_bytes, 5u << 20);
}

TEST(EngineRead, BlocksThatAreReadToTheirEndAreLetGo) {
  EngineNode node(30, much_memory(), segments_of(16 << 20));
  const PartitionKey key = grow_cold(node);
  Engine* const engine = &node.engine();
  const auto bytes = node.world().call(
      node.node(), 0, [engine, key] { return read_in_order(*engine, key, 1); }, kReadPatienceNs);
  ASSERT_TRUE(bytes.has_value() && bytes->ok());
  ASSERT_GT(bytes->value(), 11u << 20);
  const auto figures = node.world().call(
      node.node(), 0, [engine] { return engine->figures(); }, kReadPatienceNs);
  ASSERT_TRUE(figures.has_value());
  EXPECT_LT(figures->blocks.kept_bytes, 3u << 20);
}

// One reader `behind` batches behind another, batch by batch in turn.
Task<Result<void>> read_behind(Engine& engine, PartitionKey key, uint64_t batches,
                               uint64_t behind) {
  Offset ahead_offset;
  Offset behind_offset;
  for (uint64_t i = 0; i < batches + behind; ++i) {
    for (Offset* const offset : {&ahead_offset, &behind_offset}) {
      if (offset == &ahead_offset ? i >= batches : i < behind) continue;
      const Result<ReadResult> read = co_await engine.read(key, *offset, 1);
      if (!read.ok()) co_return read.error();
      *offset = read.value().next_offset;
    }
  }
  co_return Result<void>();
}

TEST(EngineRead, WhoComesBehindSharesTheReads) {
  EngineNode node(31, much_memory(), segments_of(16 << 20));
  const PartitionKey key = grow_cold(node);
  Engine* const engine = &node.engine();
  DiskLog log(node);
  constexpr uint64_t kBehind = 60;  // 3.6 MB: more than is kept for those who read side by side
  const auto done = node.world().call(
      node.node(), 0, [engine, key] { return read_behind(*engine, key, 192, kBehind); },
      kReadPatienceNs);
  ASSERT_TRUE(done.has_value() && done->ok());
  // Only what was let go before the other one began is read twice.
  EXPECT_LT(log.read_bytes, (192 + kBehind) * 60'000 + (2u << 20));
}

TEST(EngineRead, WhoReadsTheSamePlaceSharesTheReads) {
  NodeOptions steady;
  steady.disk.stall_ratio = 0;  // else one of them may have read all before the other one begins
  EngineNode node(25, steady, large_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = grow(node);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  Engine* const engine = &node.engine();
  DiskLog log(node);
  const auto bytes = node.world().call(
      node.node(), 0, [engine, key] { return read_twice_at_once(*engine, key); }, kReadPatienceNs);
  ASSERT_TRUE(bytes.has_value() && bytes->ok());
  ASSERT_GT(bytes->value(), 6u << 20);
  EXPECT_LT(log.read_bytes, bytes->value() * 7 / 4);
}

TEST(EngineRead, WhatACutTookAwayIsNotServedFromMemory) {
  EngineNode node(26, {}, large_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = grow(node);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  ASSERT_EQ(node.missing_count(key, node.read_all(key).value()), 0u);

  const std::vector<StoredBatch> before = node.acknowledged(key);
  const size_t kept = before.size() / 2;
  const Offset cut{before[kept].base_offset};
  Engine* const engine = &node.engine();
  const auto done = node.world().call(
      node.node(), 0,
      [engine, key, cut] { return engine->local(key).value()->truncate_suffix(cut); },
      kReadPatienceNs);
  ASSERT_TRUE(done.has_value() && done->ok());
  for (int round = 0; round < 6; ++round) {
    for (const auto& answer : node.append(key, 12, 50'000)) ASSERT_TRUE(answer.ok());
  }
  for (int round = 0; round < 2; ++round) {
    const Result<std::vector<StoredBatch>> stored = node.read_all(key);
    ASSERT_TRUE(stored.ok());
    ASSERT_EQ(stored.value().size(), kept + 72);
    const std::vector<StoredBatch>& all = node.acknowledged(key);
    for (size_t i = 0; i < kept; ++i) ASSERT_EQ(stored.value()[i], before[i]);
    for (size_t i = 0; i < 72; ++i) ASSERT_EQ(stored.value()[kept + i], all[before.size() + i]);
    // Once as the writes left it, partly in memory; once from the disk.
    node.stop();
    ASSERT_TRUE(node.start().ok());
  }
}

}  // namespace
}  // namespace penstock::sim
