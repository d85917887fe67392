// Large batches that become part of the log where they lie.
#include <gtest/gtest.h>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kPatienceNs = 60'000'000'000;

const std::byte* where_read(EngineNode& node, PartitionKey key, Offset offset) {
  Engine* const engine = &node.engine();
  const auto read = node.world().call(
      node.node(), 0, [engine, key, offset] { return engine->read(key, offset, 1); }, kPatienceNs);
  check(read.has_value() && read->ok());
  return read->value().slices.front().bytes.data();
}

TEST(EngineLink, ALargeBatchIsReadFromTheMemoryItCameIn) {
  EngineNode node(31, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  node.set_linkable(true);
  for (const uint64_t bytes : {70'000u, 100'000u, 100'000u, 66'000u}) {
    const Result<AppendResult> appended = node.append_one(key, bytes);
    ASSERT_TRUE(appended.ok());
    EXPECT_EQ(where_read(node, key, appended.value().base_offset), node.last_batch());
  }
  Engine* const engine = &node.engine();
  const auto figures = [&node, engine] {
    return node.world().call(
        node.node(), 0, [engine] { return engine->figures(); }, kPatienceNs);
  };
  const uint64_t linked_bytes = figures()->placed.linked_bytes;
  EXPECT_GT(linked_bytes, 336'000u);
  EXPECT_LT(linked_bytes, 337'000u);
  const Result<AppendResult> small = node.append_one(key, 1'000);
  ASSERT_TRUE(small.ok());
  EXPECT_NE(where_read(node, key, small.value().base_offset), node.last_batch());
  EXPECT_EQ(figures()->placed.linked_bytes, linked_bytes);
  EXPECT_GT(figures()->placed.bytes, linked_bytes + 1'000);
}

// Wherever in its block the log ends when one comes, also where no pad frame fits before the block's end, and where the
// segment before it is still being written: nothing is lost, and all is there after a power cut.
TEST(EngineLink, AnythingMayComeBeforeOne) {
  EngineNode node(32, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  node.set_linkable(true);
  for (uint64_t step = 0; step < 520; ++step) {
    std::vector<uint64_t> sizes = {200 + 8 * step, 66'000 + 8 * step};
    if (step % 5 == 0) sizes.push_back(66'000);
    if (step % 7 == 0) sizes.insert(sizes.begin(), 3'000);
    for (const auto& answer : node.append_sizes(key, sizes)) ASSERT_TRUE(answer.ok());
  }
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  const Result<std::vector<StoredBatch>> stored = node.read_all(key);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(node.missing_count(key, stored.value()), 0u);
  EXPECT_EQ(stored.value().size(), node.acknowledged(key).size());
}

}  // namespace
}  // namespace penstock::sim
