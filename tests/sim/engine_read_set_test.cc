// Readers of many partitions: what they are told of, when their wait ends, and where an epoch's log ends.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "engine/read_set.h"
#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kPatienceNs = 60'000'000'000;

template <class Function>
auto on_reactor(EngineNode& node, Function function) {
  auto value = node.world().call(node.node(), 0, function, kPatienceNs);
  check(value.has_value());
  return std::move(*value);
}

// Reads every partition from `offset` on, and watches it. Value: bytes of each, in the order of the keys.
Task<std::vector<size_t>> read_all_of(ReadSet& set, std::vector<PartitionKey> keys, uint64_t offset,
                                      size_t limit_bytes) {
  std::vector<ReadSet::Read> reads(keys.size());
  for (uint32_t i = 0; i < reads.size(); ++i) {
    reads[i].slot = i;
    reads[i].key = keys[i];
    reads[i].offset = Offset{offset};
    reads[i].size_bytes_max = 1 << 20;
  }
  ReadSet::Limit limit{limit_bytes};
  co_await set.read(reads, limit, true);
  std::vector<size_t> sizes;
  for (const ReadSet::Read& read : reads) {
    check(read.result.ok());
    sizes.push_back(read.passed_over ? SIZE_MAX : read.result.value().size_bytes);
  }
  co_return sizes;
}

// Value: whether it ended before its deadline.
Task<bool> wait_for(ReadSet& set, Clock& clock, size_t bytes) {
  Engine::WaitCancel never;
  const uint64_t deadline_ns = clock.monotonic_ns() + 1'000'000'000;
  co_await set.wait(bytes, deadline_ns, never);
  co_return clock.monotonic_ns() < deadline_ns;
}

Task<bool> close_of(ReadSet& set) {
  co_await set.close();
  co_return true;
}

struct Reader {
  explicit Reader(EngineNode& its_node)
      : node(its_node), set(std::make_unique<ReadSet>(its_node.engine())) {}
  ~Reader() {
    ReadSet* const closing = set.get();
    on_reactor(node, [closing] { return close_of(*closing); });
  }
  std::vector<size_t> read(const std::vector<PartitionKey>& keys, uint64_t offset,
                           size_t limit_bytes = 1 << 20) {
    ReadSet* const its = set.get();
    return on_reactor(node, [its, keys, offset, limit_bytes] {
      return read_all_of(*its, keys, offset, limit_bytes);
    });
  }
  std::vector<uint32_t> take_changed() {
    ReadSet* const its = set.get();
    return on_reactor(node, [its] { return its->take_changed(); });
  }
  bool wait(size_t bytes) {
    ReadSet* const its = set.get();
    Clock* const clock = &node.engine().doors().clock;
    return on_reactor(node, [its, clock, bytes] { return wait_for(*its, *clock, bytes); });
  }
  EngineNode& node;
  std::unique_ptr<ReadSet> set;
};

TEST(EngineReadSet, NamesWhatHasChangedAndNothingElse) {
  EngineNode node(31, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey busy = node.make_topic("busy", {});
  const PartitionKey quiet = node.make_topic("quiet", {});
  {
    Reader reader(node);
    EXPECT_EQ(reader.read({quiet, busy}, 0), (std::vector<size_t>{0, 0}));
    EXPECT_FALSE(reader.wait(1));
    EXPECT_TRUE(reader.take_changed().empty());
    for (const auto& answer : node.append(busy, 3, 500)) ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(reader.wait(1));
    EXPECT_EQ(reader.take_changed(), std::vector<uint32_t>{1});
    EXPECT_TRUE(reader.take_changed().empty());
  }
  node.stop();
}

TEST(EngineReadSet, WaitsForAsManyBytesAsAreWanted) {
  EngineNode node(32, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  {
    Reader reader(node);
    EXPECT_EQ(reader.read({key}, 0), std::vector<size_t>{0});
    EXPECT_FALSE(reader.wait(50'000));
    ASSERT_TRUE(node.append_one(key, 1000).ok());
    EXPECT_FALSE(reader.wait(50'000));
    for (const auto& answer : node.append(key, 60, 1000)) ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(reader.wait(50'000));
    EXPECT_EQ(reader.take_changed(), std::vector<uint32_t>{0});
  }
  node.stop();
}

TEST(EngineReadSet, ATopicThatGoesAwayIsAChange) {
  EngineNode node(33, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  {
    Reader reader(node);
    EXPECT_EQ(reader.read({key}, 0), std::vector<size_t>{0});
    Engine* const engine = &node.engine();
    ASSERT_TRUE(on_reactor(node, [engine, key] { return engine->delete_topic(key.topic); }).ok());
    EXPECT_TRUE(reader.wait(1));
    EXPECT_EQ(reader.take_changed(), std::vector<uint32_t>{0});
  }
  node.stop();
}

TEST(EngineReadSet, TheLimitIsSharedInTheirOrderAndOneBatchIsAlwaysRead) {
  EngineNode node(34, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  std::vector<PartitionKey> keys;
  for (const char* name : {"a", "b", "c"}) {
    keys.push_back(node.make_topic(name, {}));
    for (const auto& answer : node.append(keys.back(), 2, 1000)) ASSERT_TRUE(answer.ok());
  }
  {
    Reader reader(node);
    const std::vector<size_t> one = reader.read(keys, 0, 1);
    EXPECT_GE(one[0], 900u);
    EXPECT_LT(one[0], 1500u);
    EXPECT_EQ(one[1], SIZE_MAX);
    EXPECT_EQ(one[2], SIZE_MAX);
    const std::vector<size_t> all = reader.read(keys, 0);
    EXPECT_EQ(all, std::vector<size_t>(3, all[0]));
  }
  node.stop();
}

Task<std::vector<int64_t>> epoch_ends(Engine& engine, PartitionKey key) {
  std::vector<int64_t> found;
  for (const int32_t epoch : {-1, 0, 1, 3, 4}) {
    const auto end = co_await engine.end_of_epoch(key, LeaderEpoch{epoch});
    check(end.ok());
    const bool known = end.value().end.has_value();
    found.push_back(known ? end.value().end->epoch.value : -1);
    found.push_back(known ? static_cast<int64_t>(end.value().end->end_offset.value) : -1);
  }
  co_return found;
}

Task<Result<void>> lead_in(Engine& engine, PartitionKey key, int32_t epoch) {
  co_return engine.local(key).value()->set_leader_epoch(LeaderEpoch{epoch});
}

TEST(EngineEpochs, EndWhereTheNextBeginsAndAreUnknownBeforeTheyCome) {
  EngineNode node(35, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  Engine* const engine = &node.engine();
  ASSERT_TRUE(node.append_one(key, 500).ok());
  const int64_t first_end = static_cast<int64_t>(node.offsets(key).log_end.value);
  ASSERT_TRUE(on_reactor(node, [engine, key] { return lead_in(*engine, key, 3); }).ok());
  // The new leader has no records yet: the old epoch ends where it will begin.
  EXPECT_EQ(on_reactor(node, [engine, key] { return epoch_ends(*engine, key); }),
            (std::vector<int64_t>{-1, -1, 0, first_end, 0, first_end, 3, first_end, -1, -1}));
  ASSERT_TRUE(node.append_one(key, 500).ok());
  const int64_t end = static_cast<int64_t>(node.offsets(key).log_end.value);
  EXPECT_EQ(on_reactor(node, [engine, key] { return epoch_ends(*engine, key); }),
            (std::vector<int64_t>{-1, -1, 0, first_end, 0, first_end, 3, end, -1, -1}));
  EXPECT_EQ(node.offsets(key).log_start_epoch.value, 0);
  EXPECT_EQ(node.offsets(key).leader_epoch.value, 3);
  node.stop();
}

}  // namespace
}  // namespace penstock::sim
