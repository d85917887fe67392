// What it takes until a partition goes on in another file.
#include <gtest/gtest.h>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kRollBytes = 40'000;  // two batches do not fit into one file

// Partitions whose next batch begins a new file; there is one for each in the pool.
std::vector<PartitionKey> ready_to_roll(EngineNode& node, size_t count) {
  check(node.start().ok());
  const std::vector<PartitionKey> keys = node.make_topics(count, {});
  for (int i = 0; i < 2; ++i) {
    for (const auto& answer : node.append_each(keys, kRollBytes)) check(answer.ok());
  }
  Engine* const engine = &node.engine();
  for (const PartitionKey& key : keys) {
    const Offset end = node.offsets(key).high_watermark;
    const auto dropped = node.world().call(node.node(), 0, [engine, key, end] {
      return engine->local(key).value()->truncate_prefix(end);
    });
    check(dropped.has_value() && dropped->ok());
  }
  return keys;
}

EngineOptions files_of_64_kib() {
  EngineOptions options = EngineNode::small_segments();
  options.segment_class_bytes = {64 << 10};
  return options;
}

// The headers of their files, and what the journal is told of them, need no flush of their own.
TEST(EngineRoll, PartitionsThatRollTogetherShareFlushes) {
  EngineNode node(7, {}, files_of_64_kib());
  const std::vector<PartitionKey> keys = ready_to_roll(node, 64);
  uint64_t durable_count = 0;
  node.disk().on_completion([&](const DiskRequest& request, int64_t) {
    const bool small = request.length_bytes < kRollBytes;  // no log's, which may be alone
    if (request.operation == DiskOperation::write && small && request.durable) ++durable_count;
  });
  const uint64_t made_before = node.disk().operation_count(DiskOperation::allocate);
  const uint64_t flushes_before = node.disk().operation_count(DiskOperation::flush);
  for (const auto& answer : node.append_each(keys, kRollBytes)) ASSERT_TRUE(answer.ok());
  node.disk().on_completion({});
  EXPECT_EQ(node.disk().operation_count(DiskOperation::allocate), made_before);
  EXPECT_EQ(durable_count, 0u);
  EXPECT_LE(node.disk().operation_count(DiskOperation::flush) - flushes_before, 16u);
}

// If the journal knew of a file whose header is still that of another life, a start would refuse the partition.
TEST(EngineRoll, AFilesHeaderIsFlushedBeforeTheJournalHearsOfIt) {
  EngineNode node(8, {}, files_of_64_kib());
  const std::vector<PartitionKey> keys = ready_to_roll(node, 1);
  std::string done;
  node.disk().on_completion([&](const DiskRequest& request, int64_t) {
    if (request.operation == DiskOperation::flush) done += 'F';
    if (request.operation != DiskOperation::write || request.length_bytes >= kRollBytes) return;
    done += request.position == 0 ? 'h' : 'j';  // a header, one of the journal's copies
  });
  ASSERT_TRUE(node.append_one(keys.front(), kRollBytes).ok());
  node.disk().on_completion({});
  EXPECT_EQ(done.substr(0, 5), "hFjjF");
}

}  // namespace
}  // namespace penstock::sim
