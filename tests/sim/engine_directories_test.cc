// A node with several data directories: what lives where, which of them may open together, and what one failure reaches.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

NodeOptions quiet_disk() {
  NodeOptions options;
  options.disk.stall_ratio = 0;
  return options;
}

EngineOptions in_directories(std::vector<std::string> directories) {
  EngineOptions options = EngineNode::small_segments();
  options.data_directories = std::move(directories);
  return options;
}

std::vector<PartitionKey> fill(EngineNode& node, const std::string& prefix, int count) {
  std::vector<PartitionKey> keys;
  for (int i = 0; i < count; ++i) {
    keys.push_back(node.make_topic(prefix + std::to_string(i), {}));
    for (const auto& answer : node.append(keys.back(), 3, 700)) EXPECT_TRUE(answer.ok());
  }
  return keys;
}

void expect_all_there(EngineNode& node, const std::vector<PartitionKey>& keys) {
  for (const PartitionKey& key : keys) {
    const auto stored = node.read_all(key);
    ASSERT_TRUE(stored.ok()) << name_of(stored.error());
    EXPECT_EQ(node.missing_count(key, stored.value()), 0u);
  }
}

size_t file_count(EngineNode& node, const std::string& directory) {
  return node.disk().names(directory + "/segments").size();
}

// A start with `directories` is refused, says `what`, and changes nothing in those there are.
void expect_refused(EngineNode& node, std::vector<std::string> directories,
                    const std::string& what) {
  const std::vector<std::byte> before = node.disk().contents("/a/meta-a");
  (void)node.new_reports();
  node.options().data_directories = std::move(directories);
  EXPECT_FALSE(node.start().ok());
  const std::string said = testing::PrintToString(node.new_reports());
  EXPECT_NE(said.find(what), std::string::npos) << said;
  EXPECT_EQ(node.disk().contents("/a/meta-a"), before);
  node.crash(Crash::power);
}

TEST(EngineDirectories, PartitionsAreSpreadAndFoundInWhateverOrderTheyAreGiven) {
  EngineNode node(1, quiet_disk(), in_directories({"/a", "/b", "/c"}));
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys = fill(node, "t", 9);
  EXPECT_EQ(file_count(node, "/a"), 4u);  // with the catalog
  EXPECT_EQ(file_count(node, "/b"), 3u);
  EXPECT_EQ(file_count(node, "/c"), 3u);
  node.crash(Crash::power);
  node.options().data_directories = {"/c", "/a", "/b"};
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, keys);
  for (const PartitionKey& key : keys) EXPECT_TRUE(node.append_one(key, 700).ok());
  node.stop();
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, keys);
}

TEST(EngineDirectories, AMissingOneRefusesTheStartByName) {
  EngineNode node(2, quiet_disk(), in_directories({"/a", "/b"}));
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys = fill(node, "t", 4);
  node.crash(Crash::power);
  expect_refused(node, {"/a"}, "the data directory that was /b");
  expect_refused(node, {"/b"}, "the data directory that was /a");
  expect_refused(node, {"/a", "/empty"}, "the data directory that was /b");  // not mounted
  expect_refused(node, {"/empty", "/b"}, "the data directory that was /a");
  expect_refused(node, {"/a", "/b", "/a"}, "/a is given twice");
  node.options().data_directories = {"/a", "/b"};
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, keys);
}

TEST(EngineDirectories, ANewOneTakesNewPartitionsAndIsNeededFromThenOn) {
  EngineNode node(3, quiet_disk(), in_directories({"/a"}));
  ASSERT_TRUE(node.start().ok());
  std::vector<PartitionKey> keys = fill(node, "old", 3);
  node.stop();
  const size_t files = file_count(node, "/a");
  node.options().data_directories = {"/a", "/b"};
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, keys);
  for (const PartitionKey& key : fill(node, "new", 3)) keys.push_back(key);
  EXPECT_EQ(file_count(node, "/a"), files);
  EXPECT_EQ(file_count(node, "/b"), 3u);
  node.crash(Crash::power);
  expect_refused(node, {"/a"}, "the data directory that was /b");
  node.options().data_directories = {"/b", "/a"};
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, keys);
}

TEST(EngineDirectories, ThoseOfTwoNodesDoNotOpenTogether) {
  EngineNode node(4, quiet_disk(), in_directories({"/x"}));
  ASSERT_TRUE(node.start().ok());
  (void)fill(node, "other", 1);
  node.stop();
  node.options().data_directories = {"/a"};
  ASSERT_TRUE(node.start().ok());
  (void)fill(node, "t", 1);
  node.stop();
  expect_refused(node, {"/a", "/x"}, "/a and /x belong to different nodes");
}

TEST(EngineDirectories, AFlushThatFailsFencesWhatLivesOnThatDisk) {
  EngineNode node(5, quiet_disk(), in_directories({"/a", "/b"}));
  ASSERT_TRUE(node.start().ok());
  const std::vector<PartitionKey> keys = fill(node, "t", 4);
  for (const PartitionKey& key : keys) {
    ASSERT_TRUE(node.append_one(key, 500'000).ok());  // a segment with room for what follows
  }
  (void)node.world().run_for(5'000'000'000);
  node.disk().fail_nth(DiskOperation::flush, 1, DiskFault::io);
  for (const auto& answer : node.append(keys[0], 4, 60'000)) EXPECT_FALSE(answer.ok());
  int fenced = 0;
  for (const PartitionKey& key : keys) fenced += node.append_one(key, 700).ok() ? 0 : 1;
  EXPECT_EQ(fenced, 1);
  const std::vector<PartitionKey> more = fill(node, "more", 2);
  node.crash(Crash::power);
  ASSERT_TRUE(node.start().ok());
  expect_all_there(node, keys);
  expect_all_there(node, more);
}

// A power cut at every operation of `story`'s starts; the next start with the same directories finds all.
void crash_everywhere(const std::vector<std::string>& first,
                      const std::vector<std::string>& second) {
  const auto story = [&](EngineNode& node, std::vector<PartitionKey>& keys) {
    if (!node.start().ok()) return;
    const Result<TopicId> made = node.try_topic("t", {});
    if (!made.ok()) return;
    keys.push_back({made.value(), 0});
    (void)node.append_one(keys.back(), 700);
    if (!node.is_up()) return;
    node.crash(Crash::kill);
    node.options().data_directories = second;
    if (!node.start().ok()) return;
    const Result<TopicId> next = node.try_topic("next", {});
    if (!next.ok()) return;
    keys.push_back({next.value(), 0});
    (void)node.append_one(keys.back(), 700);
  };
  EngineNode whole(6, quiet_disk(), in_directories(first));
  std::vector<PartitionKey> all;
  story(whole, all);
  ASSERT_EQ(all.size(), 2u);
  const uint64_t operations = whole.disk().operation_count();
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n) + " of " + std::to_string(operations));
    EngineNode node(6, quiet_disk(), in_directories(first));
    std::vector<PartitionKey> keys;
    node.disk().at_nth(n, [&] { node.world().crash(node.node(), Crash::power); });
    story(node, keys);
    node.crash(Crash::power);
    ASSERT_TRUE(node.start().ok()) << testing::PrintToString(node.new_reports());
    expect_all_there(node, keys);
    for (const PartitionKey& key : keys) EXPECT_TRUE(node.append_one(key, 700).ok());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(EngineDirectories, ADeathInAFirstStartLeavesASetThatOpens) {
  crash_everywhere({"/a", "/b", "/c"}, {"/b", "/c", "/a"});
}

TEST(EngineDirectories, ADeathWhileOneJoinsLeavesASetThatOpens) {
  crash_everywhere({"/a"}, {"/b", "/a"});
}

}  // namespace
}  // namespace penstock::sim
