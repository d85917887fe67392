#include "engine/journal_record.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "engine/producer_record.h"
#include "engine/segment_header.h"

namespace penstock {
namespace {

constexpr PartitionKey kKey{{3, 4}, 1};

JournalRecord added(uint64_t file_number, uint64_t base_offset) {
  JournalRecord record;
  record.type = JournalRecordType::segment_added;
  record.key = kKey;
  record.file_number = file_number;
  record.file_bytes = 1 << 20;
  record.written_bytes = 4096;
  record.offset = {base_offset};
  record.generation = {file_number * 1000};
  return record;
}

JournalRecord about(JournalRecordType type, uint64_t file_number) {
  JournalRecord record;
  record.type = type;
  record.key = kKey;
  record.file_number = file_number;
  return record;
}

TEST(JournalRecord, ComesBackAsItWasAndNoBitCanFlipUnseen) {
  JournalRecord record = added(9, 100);
  record.leader_epoch = {3};
  record.position = 8192;
  record.next_offset = {150};
  record.time_ms = -5;
  record.max_timestamp_ms = 1234;
  std::array<std::byte, kJournalRecordBytes> bytes;
  encode_journal_record(record, 17, 12, 99, bytes.data());
  const auto decoded = decode_journal_record(bytes.data(), 17, 99);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->durable_sequence, 12u);
  std::array<std::byte, kJournalRecordBytes> again;
  encode_journal_record(decoded->record, 17, 12, 99, again.data());
  EXPECT_EQ(again, bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte(1 << (bit % 8));
    EXPECT_FALSE(decode_journal_record(bytes.data(), 17, 99).has_value()) << "bit " << bit;
    bytes[bit / 8] ^= std::byte(1 << (bit % 8));
  }
  EXPECT_FALSE(decode_journal_record(bytes.data(), 18, 99).has_value());
  EXPECT_FALSE(decode_journal_record(bytes.data(), 17, 98).has_value());
}

TEST(JournalState, ACutVoidsLaterGenerationsEpochsAndTheSeal) {
  JournalState state;
  ASSERT_TRUE(state.apply(added(1, 0)).ok());
  JournalRecord epoch = about(JournalRecordType::epoch, 0);
  epoch.leader_epoch = {1};
  ASSERT_TRUE(state.apply(epoch).ok());
  epoch.leader_epoch = {2};
  epoch.offset = {50};
  ASSERT_TRUE(state.apply(epoch).ok());
  JournalRecord cut = about(JournalRecordType::cut, 1);
  cut.position = 9000;
  cut.generation = {7};
  cut.next_offset = {60};
  ASSERT_TRUE(state.apply(cut).ok());
  cut.position = 8000;
  cut.generation = {8};
  cut.next_offset = {40};
  ASSERT_TRUE(state.apply(cut).ok());

  const PartitionState& partition = state.partitions.at(kKey);
  const std::vector<GenerationStart> expected = {{kSegmentHeaderBytes, {1000}}, {8000, {8}}};
  EXPECT_EQ(partition.segments[0].generations, expected);
  ASSERT_EQ(partition.epochs.size(), 1u);
  EXPECT_EQ(partition.checkpoint.position, 8000u);
  EXPECT_EQ(partition.checkpoint.next_offset, Offset{40});
}

TEST(JournalState, ADroppedSegmentsFileGoesToThePoolAndOutOfItWhenItIsUsedAgain) {
  JournalState state;
  ASSERT_TRUE(state.apply(added(1, 0)).ok());
  ASSERT_TRUE(state.apply(added(2, 10)).ok());
  JournalRecord dropped = about(JournalRecordType::segment_dropped, 1);
  dropped.written_bytes = 65536;
  ASSERT_TRUE(state.apply(dropped).ok());
  ASSERT_EQ(state.pool.size(), 1u);
  EXPECT_EQ(state.pool.at(1).written_bytes, 65536u);
  ASSERT_TRUE(state.apply(added(1, 20)).ok());
  EXPECT_TRUE(state.pool.empty());
  ASSERT_TRUE(state.apply(about(JournalRecordType::partition_removed, 0)).ok());
  EXPECT_EQ(state.pool.size(), 2u);
  EXPECT_TRUE(state.partitions.empty());
}

TEST(JournalState, ALogWhoseRecordsAllExpiredGoesOnInItsEpoch) {
  JournalState state;
  ASSERT_TRUE(state.apply(added(1, 0)).ok());
  ASSERT_TRUE(state.apply(added(2, 10)).ok());
  JournalRecord expired = about(JournalRecordType::partition_expired, 0);
  expired.offset = {20};
  expired.leader_epoch = {3};
  expired.time_ms = 500;
  ASSERT_TRUE(state.apply(expired).ok());
  const PartitionState& partition = state.partitions.at(kKey);
  EXPECT_TRUE(partition.segments.empty());
  EXPECT_EQ(partition.log_start_offset, Offset{20});
  EXPECT_EQ(partition.epochs, (std::vector<EpochStart>{{{3}, {20}}}));
  EXPECT_EQ(partition.checkpoint.append_time_ms, 500);
  EXPECT_EQ(state.pool.size(), 2u);
}

JournalRecord sealed(uint64_t file_number, uint64_t next_offset) {
  JournalRecord record = about(JournalRecordType::segment_sealed, file_number);
  record.position = 8192;
  record.next_offset = {next_offset};
  return record;
}

JournalRecord compacted(uint64_t file_number, uint64_t offset, uint64_t next_offset) {
  JournalRecord record = added(file_number, offset);
  record.type = JournalRecordType::segments_compacted;
  record.position = 5000;
  record.next_offset = {next_offset};
  record.time_ms = 77;
  return record;
}

TEST(JournalState, OneRecordPutsACompactedSegmentInThePlaceOfOthers) {
  JournalState state;
  for (const uint64_t file : {1, 2, 3, 4}) {
    ASSERT_TRUE(state.apply(added(file, 10 * (file - 1))).ok());
    if (file < 4) {
      ASSERT_TRUE(state.apply(sealed(file, 10 * file)).ok());
    }
  }
  JournalRecord checkpoint = about(JournalRecordType::checkpoint, 2);
  checkpoint.position = 8000;
  checkpoint.file_bytes = 5;
  ASSERT_TRUE(state.apply(checkpoint).ok());
  JournalRecord pooled = about(JournalRecordType::pool_added, 9);
  ASSERT_TRUE(state.apply(pooled).ok());
  ASSERT_TRUE(state.apply(compacted(9, 10, 30)).ok());
  const PartitionState& partition = state.partitions.at(kKey);
  ASSERT_EQ(partition.segments.size(), 3u);
  EXPECT_EQ(partition.segments[0].file_number, 1u);
  EXPECT_EQ(partition.segments[1].file_number, 9u);
  EXPECT_TRUE(partition.segments[1].sealed && partition.segments[1].compacted);
  EXPECT_EQ(partition.segments[1].base_offset, Offset{10});
  EXPECT_EQ(partition.segments[1].next_offset, Offset{30});
  EXPECT_EQ(partition.segments[2].file_number, 4u);
  EXPECT_EQ(partition.checkpoint.file_number, 0u);
  EXPECT_EQ(partition.checkpoint.search_bytes, 5u);
  EXPECT_EQ(state.pool.size(), 2u);
  EXPECT_TRUE(state.pool.contains(2) && state.pool.contains(3));
  EXPECT_FALSE(state.apply(compacted(9, 10, 30)).ok());  // it has a life already

  JournalRecord up_to = about(JournalRecordType::compacted_up_to, 0);
  up_to.offset = {30};
  up_to.time_ms = 1234;
  ASSERT_TRUE(state.apply(up_to).ok());
  JournalState again;
  for (const JournalRecord& record : state.snapshot()) ASSERT_TRUE(again.apply(record).ok());
  EXPECT_EQ(again.partitions, state.partitions);
  EXPECT_EQ(again.pool, state.pool);

  // A cut in it makes it the last segment, and what follows is not compacted.
  for (const uint64_t file : {4}) {
    ASSERT_TRUE(state.apply(about(JournalRecordType::segment_dropped, file)).ok());
  }
  JournalRecord cut = about(JournalRecordType::cut, 9);
  cut.position = 4500;
  cut.generation = {5};
  cut.next_offset = {20};
  ASSERT_TRUE(state.apply(cut).ok());
  EXPECT_EQ(partition.compacted_end, Offset{20});
  JournalState after;
  for (const JournalRecord& record : state.snapshot()) ASSERT_TRUE(after.apply(record).ok());
  EXPECT_EQ(after.partitions, state.partitions);
  ASSERT_TRUE(state.apply(sealed(9, 40)).ok());
  JournalState resealed;
  for (const JournalRecord& record : state.snapshot()) ASSERT_TRUE(resealed.apply(record).ok());
  EXPECT_EQ(resealed.partitions, state.partitions);
}

TEST(JournalState, RecordsThatContradictTheOnesBeforeAreRefused) {
  JournalState state;
  EXPECT_FALSE(state.apply(about(JournalRecordType::checkpoint, 1)).ok());
  ASSERT_TRUE(state.apply(added(1, 0)).ok());
  EXPECT_FALSE(state.apply(added(1, 5)).ok());
  EXPECT_FALSE(state.apply(about(JournalRecordType::segment_sealed, 2)).ok());
  JournalRecord cut = about(JournalRecordType::cut, 1);
  cut.position = 10;  // inside the header block
  EXPECT_FALSE(state.apply(cut).ok());
  JournalRecord epoch = about(JournalRecordType::epoch, 0);
  epoch.leader_epoch = {4};
  ASSERT_TRUE(state.apply(epoch).ok());
  EXPECT_FALSE(state.apply(epoch).ok());
  JournalRecord unknown = about(static_cast<JournalRecordType>(200), 1);
  EXPECT_EQ(state.apply(unknown).error(), Error::unsupported);
}

// A producer that has appended up to seven batches below `next_offset`.
ProducerState state_before(std::mt19937_64& random, uint64_t next_offset) {
  ProducerState state;
  int32_t sequence = 0;
  const uint64_t count = 1 + random() % 7;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t behind = count - i;
    const Offset offset{next_offset > behind ? next_offset - behind : i};
    state.add({1, 2, sequence}, {offset, static_cast<int64_t>(100 * i), 1});
    ++sequence;
  }
  return state;
}

TEST(JournalState, KnowsProducersUntilTheirLogIsCutBelowThemOrReset) {
  JournalState state;
  std::mt19937_64 random(1);
  EXPECT_FALSE(state.apply(producer_record(kKey, 5, state_before(random, 100))).ok());
  ASSERT_TRUE(state.apply(added(1, 0)).ok());
  ProducerState producer;
  for (int32_t i = 0; i < 3; ++i) producer.add({5, 0, i}, {Offset{10u + i}, 1000 + i, 1});
  ASSERT_TRUE(state.apply(producer_record(kKey, 5, producer)).ok());
  ASSERT_TRUE(state.apply(producer_record(kKey, 6, producer)).ok());
  JournalRecord cut = about(JournalRecordType::cut, 1);
  cut.position = 8192;
  cut.generation = {7};
  cut.next_offset = {12};
  ASSERT_TRUE(state.apply(cut).ok());
  EXPECT_EQ(state.producers.at(kKey).at(5).last_sequence, 1);
  EXPECT_EQ(state.producers.at(kKey).at(5).batch_count, 2);

  ASSERT_TRUE(state.apply(about(JournalRecordType::producer_removed, 6)).ok());
  EXPECT_EQ(state.producers.at(kKey).size(), 1u);
  JournalRecord expired = about(JournalRecordType::partition_expired, 0);
  expired.offset = {20};
  ASSERT_TRUE(state.apply(expired).ok());
  EXPECT_EQ(state.producers.at(kKey).size(), 1u) << "they outlive their records";
  JournalRecord too_old = about(JournalRecordType::producers_expired, 0);
  too_old.time_ms = 1001;
  ASSERT_TRUE(state.apply(too_old).ok());
  EXPECT_EQ(state.producers.at(kKey).size(), 1u);
  too_old.time_ms = 1002;
  ASSERT_TRUE(state.apply(too_old).ok());
  EXPECT_TRUE(state.producers.empty());

  ASSERT_TRUE(state.apply(producer_record(kKey, 5, producer)).ok());
  ASSERT_TRUE(state.apply(about(JournalRecordType::partition_reset, 0)).ok());
  EXPECT_TRUE(state.producers.empty());
}

// Whatever the records were, the snapshot of where they lead makes the same state from nothing.
TEST(JournalState, ASnapshotMakesTheSameStateAgain) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    JournalState state;
    uint64_t next_file = 1;
    uint64_t next_offset = 0;
    for (int step = 0; step < 60; ++step) {
      PartitionState& partition = state.partitions[kKey];
      partition.key = kKey;
      const uint64_t last = partition.segments.empty() ? 0 : partition.segments.back().file_number;
      JournalRecord record = about(JournalRecordType::checkpoint, last);
      record.position = kSegmentHeaderBytes + random() % 1000 * 8;
      record.next_offset = {next_offset += random() % 10};
      record.generation = {random()};
      record.file_bytes = random() % 1000;
      record.time_ms = static_cast<int64_t>(random() % 1000);
      switch (random() % 12) {
        case 0: record = added(next_file++, next_offset); break;
        case 1: record.type = JournalRecordType::segment_sealed; break;
        case 2: record.type = JournalRecordType::cut; break;
        case 3:
          record.type = JournalRecordType::segment_dropped;
          if (!partition.segments.empty()) {
            record.file_number = partition.segments.front().file_number;
          }
          break;
        case 4:
          record.type = JournalRecordType::epoch;
          record.leader_epoch = {step};
          record.offset = {next_offset};
          break;
        case 5:
          record.type = JournalRecordType::log_start;
          record.offset = {next_offset};
          break;
        case 6:
          record.type = JournalRecordType::partition_expired;
          record.leader_epoch = {step};
          record.offset = {next_offset};
          break;
        case 7:
          record = producer_record(kKey, static_cast<int64_t>(random() % 3),
                                   state_before(random, next_offset));
          break;
        case 8: record = about(JournalRecordType::producer_removed, random() % 3); break;
        case 9: record.type = JournalRecordType::producers_expired; break;
        default: break;
      }
      (void)state.apply(record);
    }
    JournalState again;
    for (const JournalRecord& record : state.snapshot()) {
      ASSERT_TRUE(again.apply(record).ok()) << "seed " << seed;
    }
    EXPECT_EQ(again.partitions, state.partitions) << "seed " << seed;
    EXPECT_EQ(again.pool, state.pool) << "seed " << seed;
    EXPECT_EQ(again.producers, state.producers) << "seed " << seed;
  }
}

}  // namespace
}  // namespace penstock
