#include "engine/batch_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Entry {
  std::string key;
  std::optional<std::string> value;
  int64_t timestamp_ms = 1'000;
};

std::vector<std::byte> batch_of(Offset base_offset, const std::vector<Entry>& entries,
                                RecordBatchBuilder::Options options = {}) {
  options.base_offset = base_offset;
  RecordBatchBuilder builder(options);
  for (const Entry& entry : entries) {
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = entry.timestamp_ms;
    record.key = bytes_of(entry.key);
    if (entry.value) record.value = bytes_of(*entry.value);
    builder.add(record);
  }
  return builder.build();
}

RecordBatch parsed(std::span<const std::byte> bytes) {
  RecordBatch::Rules rules;
  rules.produced = false;
  const ParsedBatch batch = RecordBatch::parse(bytes, rules);
  check(batch.ok());
  return batch.value();
}

// "offset key=value@timestamp" of each record.
std::vector<std::string> records_of(std::span<const std::byte> bytes) {
  const RecordBatch batch = parsed(bytes);
  std::vector<std::string> texts;
  RecordReader reader = batch.reader();
  while (const std::optional<Record> record = reader.next()) {
    std::string text = std::to_string((batch.base_offset() + record->offset_delta).value) + " ";
    text += text_of(*record->key) + "=" + (record->value ? text_of(*record->value) : "null");
    texts.push_back(text + "@" + std::to_string(record->timestamp_ms));
  }
  EXPECT_FALSE(reader.fault().has_value());
  return texts;
}

using Texts = std::vector<std::string>;

class BatchFilterTest : public testing::Test {
 protected:
  BatchFilterTest() { keys_.add_block(pool_.allocate(64 << 10).value()); }

  void map(const std::vector<std::byte>& batch) {
    const Result<Offset> end = filter_.map(parsed(batch), Offset{0});
    ASSERT_TRUE(end.ok());
    EXPECT_EQ(end.value(), parsed(batch).last_offset() + 1);
  }
  BatchFilter::Filtered filter(const std::vector<std::byte>& batch,
                               BatchFilter::Room room = BatchFilter::Room::plenty) {
    const Result<BatchFilter::Filtered> filtered = filter_.filter(parsed(batch), room);
    check(filtered.ok());
    return filtered.value();
  }

  BufferArena arena_{{.size_bytes = 4 << 20, .huge_pages = false}};
  BufferPool pool_{arena_.bytes()};
  KeyMap keys_{3};
  BatchFilter filter_{keys_};
};

TEST_F(BatchFilterTest, LeavesTheLastRecordOfEachKeyAsItWas) {
  const auto first = batch_of(Offset{100}, {{"a", "1", 10}, {"b", "2", 30}, {"c", "3", 20}});
  const auto second = batch_of(Offset{103}, {{"b", "4", 40}, {"a", "5", 50}, {"a", "6", 45}});
  map(first);
  map(second);
  filter_.set_rules({Offset{106}, 1'000, 100});
  const BatchFilter::Filtered left = filter(first);
  EXPECT_EQ(left.verdict, BatchFilter::Verdict::changed);
  EXPECT_EQ(records_of(left.batch), (Texts{"102 c=3@20"}));
  const RecordBatch batch = parsed(left.batch);
  EXPECT_EQ(batch.base_offset(), Offset{100});
  EXPECT_EQ(batch.last_offset(), Offset{102});
  EXPECT_EQ(batch.record_count(), 1u);
  EXPECT_EQ(batch.header_max_timestamp_ms(), 20);
  EXPECT_EQ(records_of(filter(second).batch), (Texts{"103 b=4@40", "105 a=6@45"}));
}

TEST_F(BatchFilterTest, ABatchThatLosesNothingIsTheSameBytes) {
  const auto batch = batch_of(Offset{7}, {{"a", "1"}, {"b", ""}});
  map(batch);
  filter_.set_rules({Offset{9}, 1'000, 100});
  const BatchFilter::Filtered left = filter(batch);
  EXPECT_EQ(left.verdict, BatchFilter::Verdict::same);
  EXPECT_EQ(left.batch.data(), parsed(batch).bytes().data());
}

TEST_F(BatchFilterTest, ATombstoneStaysUntilItsHorizonAndNoTimestampChanges) {
  const auto batch =
      batch_of(Offset{0}, {{"a", "1", 500}, {"b", std::nullopt, 700}, {"c", "3", -1}});
  map(batch);
  filter_.set_rules({Offset{3}, 10'000, 2'000});
  const BatchFilter::Filtered marked = filter(batch);
  EXPECT_EQ(marked.verdict, BatchFilter::Verdict::changed);
  EXPECT_EQ(marked.tombstones_due_ms, 12'000);
  EXPECT_EQ(records_of(marked.batch), (Texts{"0 a=1@500", "1 b=null@700", "2 c=3@-1"}));
  const std::vector<std::byte> kept(marked.batch.begin(), marked.batch.end());
  EXPECT_EQ(parsed(kept).delete_horizon_ms(), 12'000);
  EXPECT_EQ(parsed(kept).header_max_timestamp_ms(), 700);

  filter_.set_rules({Offset{3}, 11'999, 2'000});
  const BatchFilter::Filtered early = filter(kept);
  EXPECT_EQ(early.verdict, BatchFilter::Verdict::same);
  EXPECT_EQ(early.tombstones_due_ms, 12'000);  // the first one counts
  filter_.set_rules({Offset{3}, 12'000, 2'000});
  const BatchFilter::Filtered late = filter(kept);
  EXPECT_EQ(records_of(late.batch), (Texts{"0 a=1@500", "2 c=3@-1"}));
  EXPECT_EQ(late.tombstones_due_ms, INT64_MAX);
}

TEST_F(BatchFilterTest, TheLastRecordOfTheLogStaysForOthersToReachItsEnd) {
  const auto batch = batch_of(Offset{0}, {{"a", std::nullopt, 500}, {"b", std::nullopt, 700}});
  map(batch);
  filter_.set_rules({Offset{2}, 1'000, 0, Offset{2}});
  const BatchFilter::Filtered marked = filter(batch);
  EXPECT_EQ(marked.tombstones_due_ms, 1'000);
  const std::vector<std::byte> kept(marked.batch.begin(), marked.batch.end());
  const BatchFilter::Filtered last = filter(kept);
  EXPECT_EQ(records_of(last.batch), (Texts{"1 b=null@700"}));
  EXPECT_EQ(last.tombstones_due_ms, INT64_MAX);  // it waits for more records, not for time
  filter_.set_rules({Offset{2}, 1'000, 0, Offset{3}});
  EXPECT_EQ(filter(kept).verdict, BatchFilter::Verdict::empty);
}

TEST_F(BatchFilterTest, ARecordThatClaimsAnOffsetBehindItsBatchIsRefused) {
  RecordBatchBuilder builder({.base_offset = Offset{0}});
  const std::string text = "x";
  RecordBatchBuilder::NewRecord record;
  record.key = record.value = bytes_of(text);
  record.offset_delta = 5;
  builder.add(record);
  std::vector<std::byte> batch = builder.build();
  batch[26] = std::byte{4};  // the last offset delta; nobody looks at the records before the filter
  RecordBatch::Rules rules;
  rules.produced = rules.crc = rules.records = false;
  const RecordBatch lying = RecordBatch::parse(batch, rules).value();
  EXPECT_EQ(filter_.map(lying, Offset{0}).error(), Error::corrupt);
  EXPECT_EQ(filter_.filter(lying, BatchFilter::Room::plenty).error(), Error::corrupt);
}

// A map that is full would send the next pass back to where it began.
TEST_F(BatchFilterTest, ARecordThatClaimsAnOffsetBeforeTheOneBeforeItIsRefused) {
  std::vector<std::byte> batch = batch_of(Offset{0}, {{"a", "1"}, {"b", "2"}});
  const size_t record_bytes = (batch.size() - RecordBatch::kHeaderBytes) / 2;
  const size_t second_delta_at = RecordBatch::kHeaderBytes + record_bytes + 3;
  ASSERT_EQ(batch[second_delta_at], std::byte{2});  // 1, as a varint
  batch[second_delta_at] = std::byte{0};
  RecordBatch::Rules rules;
  rules.produced = rules.crc = rules.records = false;
  const RecordBatch lying = RecordBatch::parse(batch, rules).value();
  EXPECT_EQ(filter_.map(lying, Offset{0}).error(), Error::corrupt);
  EXPECT_EQ(filter_.filter(lying, BatchFilter::Room::plenty).error(), Error::corrupt);
}

TEST_F(BatchFilterTest, WhatIsNotMappedYetIsNoReasonToDropATombstone) {
  const auto batch = batch_of(Offset{5}, {{"a", std::nullopt, 500}});
  filter_.set_rules({Offset{5}, 10'000, 0});
  const BatchFilter::Filtered left = filter(batch);
  EXPECT_EQ(left.verdict, BatchFilter::Verdict::same);
  EXPECT_FALSE(parsed(left.batch).has_delete_horizon());
}

TEST_F(BatchFilterTest, NothingGrowsWhereThereIsNoRoom) {
  const auto batch = batch_of(Offset{0}, {{"a", std::nullopt, 500}});
  map(batch);
  filter_.set_rules({Offset{1}, 10'000, 10});
  EXPECT_EQ(filter(batch, BatchFilter::Room::little).verdict, BatchFilter::Verdict::same);
  EXPECT_GT(filter(batch).batch.size(), batch.size());
}

// What a producer took long to pack would be longer without some of its records.
TEST_F(BatchFilterTest, CompressedRecordsArePackedHarderWhereThereIsLittleRoom) {
  std::vector<Entry> entries = {{"twice", "1"}};
  uint64_t state = 1;
  for (int i = 0; i < 500; ++i) {
    std::string value;
    for (int word = 0; word < 20; ++word) {
      state = state * 6364136223846793005 + 1442695040888963407;
      value += std::to_string((state >> 40) % 300 * 7919) + " ";
    }
    entries.push_back({"key" + std::to_string(i), value});
  }
  const auto plain = batch_of(Offset{0}, entries);
  map(plain);
  map(batch_of(Offset{501}, {{"twice", "2"}}));
  filter_.set_rules({Offset{502}, 1'000, 100});
  for (const Codec codec : {Codec::gzip, Codec::lz4, Codec::zstd}) {
    std::vector<std::byte> packed(plain.begin(), plain.begin() + RecordBatch::kHeaderBytes);
    Compressor compressor;
    const auto records = std::span(plain).subspan(RecordBatch::kHeaderBytes);
    ASSERT_TRUE(compressor.compress(codec, 19, records, packed).ok());
    RecordBatch::set_codec(packed, codec);
    const size_t easy_bytes = filter(packed, BatchFilter::Room::little).batch.size();
    const BatchFilter::Filtered least = filter(packed, BatchFilter::Room::least);
    EXPECT_EQ(least.contents.record_count, 500u);
    EXPECT_LE(least.batch.size(), easy_bytes) << name_of(codec);
    if (codec == Codec::zstd) {
      EXPECT_LT(least.batch.size(), easy_bytes);
    }
  }
}

TEST_F(BatchFilterTest, ABatchWithoutRecordsGoesWhoeverItsProducerIs) {
  RecordBatchBuilder::Options options;
  options.producer_id = 9;
  options.producer_epoch = 2;
  options.base_sequence = 40;
  const auto batch = batch_of(Offset{10}, {{"a", "1"}, {"a", "2"}}, options);
  map(batch);
  map(batch_of(Offset{12}, {{"a", "3"}}));
  filter_.set_rules({Offset{13}, 10'000, 10});
  const BatchFilter::Filtered left = filter(batch);
  EXPECT_EQ(left.verdict, BatchFilter::Verdict::empty);
  EXPECT_TRUE(left.batch.empty());
}

TEST_F(BatchFilterTest, AFullMapEndsWhereItStoppedToTakeKeys) {
  KeyMap small(4);
  small.add_block(pool_.allocate(4 << 10).value());
  BatchFilter filter(small);
  std::vector<Entry> entries;
  for (int i = 0; i < 1000; ++i) entries.push_back({"key" + std::to_string(i), "v"});
  const auto batch = batch_of(Offset{1'000}, entries);
  const Result<Offset> end = filter.map(parsed(batch), Offset{1'010});
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end.value(), Offset{1'010 + small.key_count()});
  EXPECT_LT(end.value(), Offset{2'000});
  EXPECT_EQ(small.find(bytes_of(entries[0].key)), std::nullopt);
  EXPECT_EQ(small.find(bytes_of(entries[10].key)), Offset{1'010});
}

TEST_F(BatchFilterTest, RecordsWithoutAKeyGoAndControlBatchesStay) {
  RecordBatchBuilder builder({.base_offset = Offset{0}});
  RecordBatchBuilder::NewRecord record;
  const std::string value = "v";
  record.value = bytes_of(value);
  builder.add(record);
  const auto keyless = builder.build();
  map(keyless);
  filter_.set_rules({Offset{10}, 10'000, 10});
  EXPECT_EQ(filter(keyless).verdict, BatchFilter::Verdict::empty);
  RecordBatchBuilder::Options control;
  control.control = control.transactional = true;
  control.producer_id = 1;
  control.producer_epoch = 0;
  const auto marker = batch_of(Offset{1}, {{"", "m"}}, control);
  map(marker);
  EXPECT_EQ(filter(marker).verdict, BatchFilter::Verdict::same);
}

}  // namespace
}  // namespace penstock
