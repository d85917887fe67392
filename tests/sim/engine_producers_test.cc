// What a partition remembers of idempotent producers, for how long, and when it forgets them.
#include <gtest/gtest.h>

#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

EngineOptions options_with(const ProducerLimits& limits) {
  EngineOptions options = EngineNode::small_segments();
  options.producers = limits;
  return options;
}

// What the batch is answered: its offset, or -1 and why.
struct Outcome {
  int64_t offset = -1;
  bool duplicate = false;
  std::optional<Error> error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome stored_at(int64_t offset) { return {offset, false, std::nullopt}; }
Outcome known_at(int64_t offset) { return {offset, true, std::nullopt}; }
Outcome refused(Error error) { return {-1, false, error}; }

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << outcome.offset << (outcome.duplicate ? " known" : "");
  if (outcome.error) *out << name_of(*outcome.error);
}

Outcome outcome_of(const Result<AppendResult>& answer) {
  if (!answer.ok()) return refused(answer.error());
  return {static_cast<int64_t>(answer.value().base_offset.value), answer.value().duplicate,
          std::nullopt};
}

Outcome send(EngineNode& node, PartitionKey key, int64_t id, int32_t sequence,
             uint64_t bytes = 100) {
  return outcome_of(node.append_produced(key, {id, 0, sequence}, bytes));
}

void restart(EngineNode& node, Crash kind) {
  node.crash(kind);
  ASSERT_TRUE(node.start().ok());
}

TEST(EngineProducers, AreKnownAgainAfterACrashAndAfterAStop) {
  EngineNode node(1, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  for (int32_t i = 0; i < 8; ++i) EXPECT_EQ(send(node, key, 7, i), stored_at(i));
  for (int round = 0; round < 3; ++round) {
    for (int32_t i = 3; i < 8; ++i) EXPECT_EQ(send(node, key, 7, i), known_at(i));
    EXPECT_EQ(send(node, key, 7, 2), refused(Error::out_of_sequence));
    EXPECT_EQ(send(node, key, 7, 9), refused(Error::out_of_sequence));
    if (round == 0) restart(node, Crash::power);
    if (round == 1) {
      node.stop();
      ASSERT_TRUE(node.start().ok());
    }
  }
  EXPECT_EQ(send(node, key, 7, 8), stored_at(8));
}

TEST(EngineProducers, AreKnownFromSegmentsThatRecoveryDoesNotRead) {
  EngineNode node(2, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"segment.bytes", "20000"}});
  for (int32_t i = 0; i < 6; ++i) EXPECT_EQ(send(node, key, 7, i), stored_at(i));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(node.append_one(key, 5000).ok());
  restart(node, Crash::power);
  restart(node, Crash::kill);
  EXPECT_EQ(send(node, key, 7, 5), known_at(5));
  EXPECT_EQ(send(node, key, 7, 6), stored_at(46));
}

TEST(EngineProducers, OutliveTheirRecords) {
  EngineNode node(3, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic(
      "t", {{"retention.ms", "60000"}, {"message.timestamp.type", "LogAppendTime"}});
  EXPECT_EQ(send(node, key, 7, 0), stored_at(0));
  EXPECT_EQ(send(node, key, 7, 1), stored_at(1));
  (void)node.world().run_for(120 * kSecondNs);
  ASSERT_EQ(node.offsets(key).log_start, Offset{2});
  EXPECT_EQ(send(node, key, 7, 1), known_at(1));
  restart(node, Crash::power);
  EXPECT_EQ(send(node, key, 7, 1), known_at(1));
  EXPECT_EQ(send(node, key, 7, 3), refused(Error::out_of_sequence));
  EXPECT_EQ(send(node, key, 7, 2), stored_at(2));
}

TEST(EngineProducers, AreForgottenWhenTheyAppendNothingForLong) {
  EngineNode node(4, {}, options_with({.expiration_ms = 30'000}));
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  EXPECT_EQ(send(node, key, 7, 0), stored_at(0));
  (void)node.world().run_for(20 * kSecondNs);
  EXPECT_EQ(send(node, key, 8, 0), stored_at(1));
  EXPECT_EQ(send(node, key, 7, 5), refused(Error::out_of_sequence));
  (void)node.world().run_for(20 * kSecondNs);
  EXPECT_EQ(send(node, key, 8, 5), refused(Error::out_of_sequence));
  EXPECT_EQ(send(node, key, 7, 5), stored_at(2)) << "as one that is new";
  (void)node.world().run_for(60 * kSecondNs);
  restart(node, Crash::power);
  EXPECT_EQ(send(node, key, 8, 9), stored_at(3)) << "the journal has forgotten it, too";
}

TEST(EngineProducers, TheOneNotUsedForLongestMakesRoomInItsPartition) {
  EngineNode node(5, {}, options_with({.per_partition_max = 3}));
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  for (int64_t id = 1; id <= 3; ++id) EXPECT_EQ(send(node, key, id, 0), stored_at(id - 1));
  EXPECT_EQ(send(node, key, 1, 1), stored_at(3));
  EXPECT_EQ(send(node, key, 4, 0), stored_at(4));  // and 2 is forgotten
  restart(node, Crash::power);
  EXPECT_EQ(send(node, key, 1, 9), refused(Error::out_of_sequence));
  EXPECT_EQ(send(node, key, 3, 9), refused(Error::out_of_sequence));
  EXPECT_EQ(send(node, key, 2, 9), stored_at(5));
}

TEST(EngineProducers, TheOneNotUsedForLongestMakesRoomOnItsReactor) {
  EngineNode node(6, {}, options_with({.per_reactor_max = 3}));
  ASSERT_TRUE(node.start().ok());
  const PartitionKey one = node.make_topic("one", {});
  const PartitionKey other = node.make_topic("other", {});
  EXPECT_EQ(send(node, one, 1, 0), stored_at(0));
  EXPECT_EQ(send(node, other, 1, 0), stored_at(0));
  EXPECT_EQ(send(node, other, 2, 0), stored_at(1));
  EXPECT_EQ(send(node, other, 3, 0), stored_at(2));
  EXPECT_EQ(send(node, one, 1, 5), stored_at(1)) << "was forgotten; and now 1 of the other is";
  EXPECT_EQ(send(node, other, 2, 5), refused(Error::out_of_sequence));
  EXPECT_EQ(send(node, other, 1, 5), stored_at(3));
}

TEST(EngineProducers, AFailedAppendLeavesThemAsTheyWere) {
  EngineNode node(7, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  EXPECT_EQ(send(node, key, 7, 0), stored_at(0));
  EXPECT_EQ(send(node, key, 7, 1, 5 << 20), refused(Error::too_large));
  node.disk().set_capacity(1);  // what is allocated already may be written
  int32_t next = 1;
  Outcome outcome;
  do {  // until a new file is needed
    outcome = send(node, key, 7, next, 30'000);
    if (!outcome.error) ++next;
  } while (!outcome.error);
  EXPECT_EQ(outcome, refused(Error::disk_full));
  EXPECT_EQ(send(node, key, 7, next - 1, 30'000), known_at(next - 1)) << "takes no space";
  node.disk().set_capacity(uint64_t{1} << 40);
  EXPECT_EQ(send(node, key, 7, next, 30'000), stored_at(next));
}

TEST(EngineProducers, AreWhatTheyWereAtTheOffsetThatTheirLogIsCutAt) {
  EngineNode node(8, {}, EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {{"segment.bytes", "20000"}});
  for (int32_t i = 0; i < 30; ++i) EXPECT_EQ(send(node, key, 7, i, 3000), stored_at(i));
  EXPECT_EQ(send(node, key, 8, 0), stored_at(30));
  const auto cut = [&](uint64_t offset) {
    const auto done = node.world().call(node.node(), 0, [&node, key, offset] {
      return node.engine().local(key).value()->truncate_suffix(Offset{offset});
    });
    ASSERT_TRUE(done && done->ok());
  };
  cut(28);
  EXPECT_EQ(send(node, key, 7, 26), known_at(26));
  EXPECT_EQ(send(node, key, 7, 29), refused(Error::out_of_sequence));
  cut(10);  // below all that is remembered of it
  restart(node, Crash::power);
  EXPECT_EQ(send(node, key, 7, 11), refused(Error::out_of_sequence));
  EXPECT_EQ(send(node, key, 7, 9), known_at(9));
  EXPECT_EQ(send(node, key, 7, 10), stored_at(10));
  EXPECT_EQ(send(node, key, 8, 3), stored_at(11)) << "it has nothing here";
}

// Whole batches go, so that the last one of a producer that is left may be an early one.
TEST(EngineProducers, AreNotTakenFromWhatCompactionHasLeft) {
  EngineOptions options = EngineNode::small_segments();
  options.cleaner_interval_ns = kSecondNs;
  EngineNode node(10, {}, options);
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key =
      node.make_topic("t", {{"segment.bytes", "20000"}, {"cleanup.policy", "compact"}});
  const auto send_keyed = [&](int32_t sequence, const std::string& record_key) {
    return outcome_of(node.append_keyed(key, record_key, 3000, {7, 0, sequence}));
  };
  EXPECT_EQ(send_keyed(0, "once"), stored_at(0));
  for (int32_t i = 1; i < 30; ++i) EXPECT_EQ(send_keyed(i, "often"), stored_at(i));
  (void)node.world().run_for(10 * kSecondNs);
  const auto cut = node.world().call(node.node(), 0, [&node, key] {
    return node.engine().local(key).value()->truncate_suffix(Offset{10});
  });
  ASSERT_TRUE(cut && cut->ok());
  const auto stored = node.read_all(key);
  ASSERT_TRUE(stored.ok());
  ASSERT_EQ(stored.value().size(), 1u);  // the one of another key
  EXPECT_EQ(send_keyed(10, "often"), stored_at(10)) << "as one that is new";
  restart(node, Crash::power);
  EXPECT_EQ(send_keyed(10, "often"), known_at(10));
  EXPECT_EQ(send_keyed(11, "often"), stored_at(11));
}

TEST(EngineProducers, IdsAreNewAfterACrash) {
  EngineNode node(9, {}, EngineNode::small_segments());
  int64_t last = -1;
  for (int life = 0; life < 4; ++life) {
    ASSERT_TRUE(node.start().ok());
    for (int i = 0; i < 1100; ++i) {  // more than are reserved at a time
      const auto made = node.world().call(
          node.node(), 0, [&node] { return node.engine().init_producer(std::nullopt); });
      ASSERT_TRUE(made && made->ok());
      ASSERT_GT(made->value().id, last);
      last = made->value().id;
    }
    node.crash(life % 2 == 0 ? Crash::power : Crash::kill);
  }
}

}  // namespace
}  // namespace penstock::sim
