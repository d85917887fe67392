// What engines do when the disk answers errors: EIO, a failed flush, no space, at any operation.
#include <gtest/gtest.h>

#include <vector>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

NodeOptions quiet_disk(bool shared_flush = true) {
  NodeOptions options;
  options.disk.stall_ratio = 0;
  options.disk.storage.shared_flush = shared_flush;
  return options;
}

void expect_all_there(EngineNode& node, PartitionKey key) {
  const auto stored = node.read_all(key);
  ASSERT_TRUE(stored.ok()) << name_of(stored.error());
  EXPECT_EQ(node.missing_count(key, stored.value()), 0u);
}

TEST(EngineFault, AWriteThatFailsFencesItsPartitionAlone) {
  EngineNode node(1, quiet_disk(), EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey hit = node.make_topic("hit", {});
  const PartitionKey other = node.make_topic("other", {});
  for (const PartitionKey& key : {hit, other}) {
    for (const auto& answer : node.append(key, 5, 700)) ASSERT_TRUE(answer.ok());
  }
  node.disk().fail_nth(DiskOperation::write, 1, DiskFault::io);
  EXPECT_FALSE(node.append_one(hit, 700).ok());
  const Result<AppendResult> next = node.append_one(hit, 700);
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error(), Error::fenced);
  EXPECT_TRUE(node.append_one(other, 700).ok());
  expect_all_there(node, hit);  // reads go on

  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, hit);
  expect_all_there(node, other);
  EXPECT_TRUE(node.append_one(hit, 700).ok());
}

class EngineFlushFault : public testing::TestWithParam<bool> {};

TEST_P(EngineFlushFault, AFlushThatFailsFencesAllItWasToCover) {
  EngineOptions options = EngineNode::small_segments();
  options.shared_flush = GetParam();
  options.flush_interval_ns = 10 * kSecondNs;
  EngineNode node(2, quiet_disk(GetParam()), options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey waiting = node.make_topic("waiting", {});
  const PartitionKey unflushed = node.make_topic("unflushed", {{"penstock.durability", "written"}});
  const PartitionKey idle = node.make_topic("idle", {});
  for (const PartitionKey& key : {waiting, unflushed, idle}) {
    for (const auto& answer : node.append(key, 3, 700)) ASSERT_TRUE(answer.ok());
  }
  ASSERT_TRUE(node.append_one(waiting, 500'000).ok());  // a segment with room for what follows
  (void)node.world().run_for(15 * kSecondNs);           // all flushed and checkpointed
  ASSERT_TRUE(node.append_one(unflushed, 700).ok());    // acknowledged as written only
  node.disk().fail_nth(DiskOperation::flush, 1, DiskFault::io);
  // Too much for a write that is its own flush.
  for (const auto& answer : node.append(waiting, 4, 60'000)) EXPECT_FALSE(answer.ok());

  for (const PartitionKey& key : {waiting, unflushed}) {
    const Result<AppendResult> next = node.append_one(key, 700);
    ASSERT_FALSE(next.ok());
    EXPECT_EQ(next.error(), Error::fenced);
  }
  EXPECT_TRUE(node.append_one(idle, 700).ok());
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, waiting);
  expect_all_there(node, idle);
  for (const PartitionKey& key : {waiting, unflushed, idle}) {
    EXPECT_TRUE(node.append_one(key, 700).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Disks, EngineFlushFault, testing::Bool(), [](const auto& each) {
  return each.param ? "SharedFlush" : "FlushPerFile";
});

// A failed flush takes along what another partition's recovery has read from the kernel's memory and not flushed yet: that
// one must not believe its own flush.
TEST(EngineFault, AFlushThatFailsWhileOthersRecoverLeavesNoDamage) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    EngineOptions options = EngineNode::small_segments();
    options.flush_interval_ns = 10 * kSecondNs;
    EngineNode node(seed, quiet_disk(), options);
    ASSERT_TRUE(node.start().ok());
    std::vector<PartitionKey> keys;
    for (const char* name : {"a", "b", "c", "d"}) {
      keys.push_back(node.make_topic(name, {{"penstock.durability", "written"}}));
    }
    for (const auto& answer : node.append_each(keys, 5'000)) ASSERT_TRUE(answer.ok());
    for (const auto& answer : node.append_each(keys, 20'000)) ASSERT_TRUE(answer.ok());
    node.crash(Crash::kill);
    node.disk().fail_nth(DiskOperation::flush, 1 + seed % 12, DiskFault::io);
    if (!node.start().ok()) {
      node.crash(Crash::kill);
      ASSERT_TRUE(node.start().ok()) << "seed " << seed;
    }
    for (const PartitionKey& key : keys) {
      const auto stored = node.read_all(key);
      ASSERT_TRUE(stored.ok()) << "seed " << seed << ": " << name_of(stored.error());
    }
  }
}

TEST(EngineFault, AFullDiskRefusesWritesServesReadsAndRecoversByItself) {
  EngineNode node(3, quiet_disk(), EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  ASSERT_TRUE(node.append_one(key, 30'000).ok());
  node.disk().set_capacity(1 << 20);  // less than is used
  Result<AppendResult> answer = node.append_one(key, 30'000);
  for (int i = 0; answer.ok() && i < 100; ++i) answer = node.append_one(key, 30'000);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error(), Error::disk_full);
  for (int i = 0; i < 5; ++i) {
    answer = node.append_one(key, 30'000);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error(), Error::disk_full);
    expect_all_there(node, key);
    (void)node.world().run_for(kSecondNs);
  }
  node.disk().set_capacity(uint64_t{1} << 40);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(node.append_one(key, 30'000).ok());
  expect_all_there(node, key);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, key);
}

// A workload of some hundred operations of the disk. Stops at the first death; errors are answers like others.
void play(EngineNode& node, std::vector<PartitionKey>& keys) {
  if (!node.start().ok()) return;
  for (const char* name : {"first", "second"}) {
    const Result<TopicId> made = node.try_topic(name, {{"segment.bytes", std::to_string(60'000)}});
    if (made.ok()) keys.push_back({made.value(), 0});
  }
  for (int round = 0; round < 9; ++round) {
    for (const PartitionKey& key : keys) {
      (void)node.append(key, 4, 9'000);
      (void)node.append_one(key, 500);
    }
  }
  (void)node.world().run_for(2 * kSecondNs);
}

uint64_t operations_of_play() {
  EngineNode node(4, quiet_disk(), EngineNode::small_segments());
  std::vector<PartitionKey> keys;
  play(node, keys);
  return node.disk().operation_count();
}

// The n-th operation fails, for every n; whatever was acknowledged is there after the next start.
void fail_each_operation(DiskFault fault) {
  const uint64_t operations = operations_of_play();
  ASSERT_GT(operations, 150u);
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n) + " of " + std::to_string(operations));
    EngineNode node(4, quiet_disk(), EngineNode::small_segments());
    node.disk().fail_nth(n, fault);
    std::vector<PartitionKey> keys;
    play(node, keys);
    node.crash(Crash::power);
    const Result<void> started = node.start();
    ASSERT_TRUE(started.ok()) << testing::PrintToString(node.new_reports());
    for (const PartitionKey& key : keys) {
      expect_all_there(node, key);
      EXPECT_TRUE(node.append_one(key, 500).ok());
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(EngineFault, NothingAcknowledgedIsLostWhicheverOperationFails) {
  fail_each_operation(DiskFault::io);
}

TEST(EngineFault, NothingAcknowledgedIsLostWhicheverOperationFindsNoSpace) {
  fail_each_operation(DiskFault::full);
}

TEST(EngineFault, NothingAcknowledgedIsLostWhicheverOperationStalls) {
  fail_each_operation(DiskFault::stall);
}

}  // namespace
}  // namespace penstock::sim
