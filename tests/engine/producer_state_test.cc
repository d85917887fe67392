#include "engine/producer_state.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/producer_record.h"

namespace penstock {
namespace {

constexpr int32_t kSequenceMax = std::numeric_limits<int32_t>::max();
constexpr PartitionKey kKey{{3, 4}, 1};

ProducerStamp stamp(int32_t base_sequence, int16_t epoch = 0) { return {7, epoch, base_sequence}; }

ProducedBatch batch(uint64_t base_offset, uint32_t record_count) {
  return {Offset{base_offset}, static_cast<int64_t>(1000 + base_offset), record_count};
}

// Batches of three records each, from `first_sequence` on, at offsets 100, 103 ...
ProducerState after(int count, int32_t first_sequence = 0) {
  ProducerState state;
  int32_t sequence = first_sequence;
  for (int i = 0; i < count; ++i) {
    state.add(stamp(sequence), batch(100 + 3u * static_cast<unsigned>(i), 3));
    sequence = sequence_after(sequence, 3);
  }
  return state;
}

bool is_next(const ProducerState& state, const ProducerStamp& stamp, uint32_t record_count = 3) {
  const auto judged = state.judge(stamp, record_count);
  return judged.ok() && !judged.value();
}

TEST(ProducerState, TakesWhatFollowsAndNothingElse) {
  const ProducerState state = after(2);
  EXPECT_TRUE(is_next(state, stamp(6)));
  for (const int32_t gap : {7, 9, kSequenceMax}) {
    EXPECT_EQ(state.judge(stamp(gap), 3).error(), Error::out_of_sequence) << gap;
  }
}

TEST(ProducerState, KnowsTheLastFiveBatchesAgain) {
  const ProducerState state = after(7);
  for (int i = 2; i < 7; ++i) {
    const auto judged = state.judge(stamp(3 * i), 3);
    ASSERT_TRUE(judged.ok() && judged.value()) << i;
    EXPECT_EQ(*judged.value(), batch(100 + 3u * static_cast<unsigned>(i), 3));
  }
  EXPECT_EQ(state.judge(stamp(3), 3).error(), Error::out_of_sequence) << "too long ago";
}

TEST(ProducerState, DoesNotTakePartOfABatchForTheBatch) {
  const ProducerState state = after(2);
  EXPECT_EQ(state.judge(stamp(3), 2).error(), Error::out_of_sequence);
  EXPECT_EQ(state.judge(stamp(3), 4).error(), Error::out_of_sequence);
  EXPECT_EQ(state.judge(stamp(4), 2).error(), Error::out_of_sequence);
  EXPECT_EQ(state.judge(stamp(0), 6).error(), Error::out_of_sequence);
}

TEST(ProducerState, ANewEpochBeginsAtZeroAndEndsTheOldOne) {
  ProducerState state = after(2);
  EXPECT_EQ(state.judge(stamp(6, 1), 3).error(), Error::out_of_sequence);
  EXPECT_TRUE(is_next(state, stamp(0, 1)));
  state.add(stamp(0, 1), batch(200, 2));
  EXPECT_EQ(state.judge(stamp(6, 0), 3).error(), Error::stale_producer_epoch);
  EXPECT_EQ(state.judge(stamp(0, 0), 3).error(), Error::stale_producer_epoch)
      << "sent again, but late";
  EXPECT_TRUE(is_next(state, stamp(2, 1)));
}

TEST(ProducerState, CountsOnFromZeroAfterTheLastSequence) {
  ProducerState state = after(1, kSequenceMax - 2);
  EXPECT_EQ(state.last_sequence, kSequenceMax);
  EXPECT_TRUE(is_next(state, stamp(0)));
  state = after(3, kSequenceMax - 4);  // the second lies on both sides
  EXPECT_EQ(state.last_sequence, 3);
  const auto judged = state.judge(stamp(kSequenceMax - 1), 3);
  ASSERT_TRUE(judged.ok() && judged.value());
  EXPECT_EQ(judged.value()->base_offset, Offset{103});
}

TEST(ProducerState, GoesBackToWhatItWasBeforeAnOffset) {
  const ProducerState state = after(7);
  EXPECT_EQ(*state.before(Offset{1000}), state);
  const std::optional<ProducerState> earlier = state.before(Offset{115});
  ASSERT_TRUE(earlier);
  EXPECT_EQ(earlier->batch_count, 3);
  EXPECT_TRUE(is_next(*earlier, stamp(15)));
  EXPECT_TRUE(earlier->judge(stamp(12), 3).value());
  const std::optional<ProducerState> none_left = state.before(Offset{0});
  ASSERT_TRUE(none_left);
  EXPECT_EQ(none_left->batch_count, 0);
  EXPECT_TRUE(is_next(*none_left, stamp(6))) << "what came before the oldest is known by its end";
  EXPECT_FALSE(after(3).before(Offset{100})) << "there was nothing before";
}

TEST(ProducerState, OfALogThatSkipsSequencesOnlyTheLastPartIsKept) {
  ProducerState state = after(3);
  state.add(stamp(50), batch(300, 2));
  EXPECT_EQ(state.batch_count, 1);
  EXPECT_FALSE(state.has_earlier);
  EXPECT_TRUE(is_next(state, stamp(52)));
}

TEST(ProducerRecord, BringsTheStateBack) {
  for (int count = 1; count < 8; ++count) {
    ProducerState state = after(count, kSequenceMax - 7);
    const std::optional<IdentifiedProducer> back = producer_of(producer_record(kKey, 9, state));
    ASSERT_TRUE(back) << count;
    EXPECT_EQ(back->id, 9);
    EXPECT_EQ(back->state, state) << count;
  }
  const ProducerState none_left = *after(6).before(Offset{0});
  EXPECT_EQ(producer_of(producer_record(kKey, 9, none_left))->state, none_left);
}

TEST(ProducerRecord, LeavesOutWhatIsTooFarBehind) {
  ProducerState state;
  state.add(stamp(0), {Offset{5}, 1000, 1});
  state.add(stamp(1), {Offset{6}, 2000, 1});
  state.add(stamp(2), {Offset{(uint64_t{1} << 40) + 5}, 3000, 1});
  ProducerState back = producer_of(producer_record(kKey, 9, state))->state;
  EXPECT_EQ(back.batch_count, 2);
  EXPECT_TRUE(back.has_earlier);
  EXPECT_EQ(back.batches[1], state.batches[1]);
  state.add(stamp(3), {Offset{(uint64_t{1} << 40) + 6}, 3000 + (1 << 24), 1});
  back = producer_of(producer_record(kKey, 9, state))->state;
  EXPECT_EQ(back.batch_count, 1);
  EXPECT_EQ(back.last_sequence, 3);
}

TEST(ProducerRecord, ThatMakesNoSenseIsRefused) {
  const JournalRecord good = producer_record(kKey, 9, after(2));
  JournalRecord bad = good;
  bad.producer_batches = 6;
  EXPECT_FALSE(producer_of(bad));
  bad = good;
  bad.producer_batches = 0;
  EXPECT_FALSE(producer_of(bad));
  bad = good;
  bad.producer_epoch = -1;
  EXPECT_FALSE(producer_of(bad));
  bad = good;
  bad.leader_epoch = {-1};
  EXPECT_FALSE(producer_of(bad));
  bad = good;
  bad.file_number = ~uint64_t{0};
  EXPECT_FALSE(producer_of(bad));
}

}  // namespace
}  // namespace penstock
