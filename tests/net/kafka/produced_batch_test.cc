#include "net/kafka/handlers/produced_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/record_batch.h"

namespace penstock::kafka {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int16_t kVersion = 9;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Records with these keys, "" for null, and times that far from now.
Bytes batch_of(const std::vector<std::pair<std::string, int64_t>>& records) {
  RecordBatchBuilder builder({.producer_epoch = -1});
  for (const auto& [key, age_ms] : records) {
    OptionalBytes stored_key;
    if (!key.empty()) stored_key = bytes_of(key);
    builder.add({.timestamp_ms = kNowMs - age_ms, .key = stored_key, .value = bytes_of("value")});
  }
  return builder.build();
}

Bytes packed(const Bytes& plain, Codec codec) {
  Bytes batch(plain.begin(), plain.begin() + RecordBatch::kHeaderBytes);
  Compressor compressor;
  const std::span<const std::byte> records = std::span(plain).subspan(RecordBatch::kHeaderBytes);
  EXPECT_TRUE(compressor.compress(codec, std::nullopt, records, batch).ok());
  RecordBatch::set_codec(batch, codec);
  return batch;
}

// `bytes` outlive the result.
ProducedBatch take(const TopicConfig& config, const Bytes& bytes, int16_t version = kVersion) {
  BatchCodecs codecs;
  Topic topic;
  topic.config = config;
  return take_batch(topic, Records(bytes), version, kNowMs, codecs);
}

TEST(ProducedBatch, RecordsWithoutKeysAreNamedOnCompactedTopics) {
  TopicConfig config;
  const Bytes plain = batch_of({{"a", 0}, {"", 0}, {"b", 0}, {"", 0}});
  for (const Bytes& bytes : {plain, packed(plain, Codec::zstd)}) {
    EXPECT_EQ(take(config, bytes).error, KafkaError::none);
    config.compact_policy = true;
    const ProducedBatch refused = take(config, bytes);
    EXPECT_EQ(refused.error, KafkaError::invalid_record);
    ASSERT_EQ(refused.bad_records.size(), 2u);
    EXPECT_EQ(refused.bad_records[0].index, 1u);
    EXPECT_EQ(refused.bad_records[1].index, 3u);
    EXPECT_TRUE(refused.message.starts_with("2 of the batch's 4 records are refused"));
    EXPECT_EQ(take(config, batch_of({{"a", 0}, {"b", 0}})).error, KafkaError::none);
    config.compact_policy = false;
  }
}

TEST(ProducedBatch, ATimeThatIsWrongGoesBeforeAKeyThatIsMissing) {
  TopicConfig config;
  config.compact_policy = true;
  config.timestamp_before_ms_max = 1000;
  const Bytes bytes = batch_of({{"", 0}, {"a", 1001}, {"b", 1000}, {"", 5000}});
  const ProducedBatch refused = take(config, bytes);
  EXPECT_EQ(refused.error, KafkaError::invalid_timestamp);
  ASSERT_EQ(refused.bad_records.size(), 3u);
  EXPECT_EQ(refused.bad_records[1].index, 1u);
  EXPECT_NE(refused.bad_records[1].message.find(std::to_string(kNowMs - 1001)), std::string::npos);
}

TEST(ProducedBatch, AllTimesAreTakenWhereTheNodeSetsThem) {
  TopicConfig config;
  config.timestamp_before_ms_max = config.timestamp_after_ms_max = 0;
  const Bytes bytes = batch_of({{"a", 1}, {"a", -1}});
  EXPECT_EQ(take(config, bytes).error, KafkaError::invalid_timestamp);
  config.log_append_time = true;
  EXPECT_EQ(take(config, bytes).error, KafkaError::none);
}

TEST(ProducedBatch, TheWidestLimitsTakeEveryTime) {
  TopicConfig config;
  RecordBatchBuilder builder({});
  builder.add({.timestamp_ms = 0});
  builder.add({.timestamp_ms = INT64_MAX - 1});
  builder.add({.timestamp_ms = -1});
  const Bytes bytes = builder.build();
  EXPECT_EQ(take(config, bytes).error, KafkaError::none);
  config.timestamp_after_ms_max = 3'600'000;
  const ProducedBatch refused = take(config, bytes);
  EXPECT_EQ(refused.error, KafkaError::invalid_timestamp);
  ASSERT_EQ(refused.bad_records.size(), 1u);
  EXPECT_EQ(refused.bad_records[0].index, 1u);
}

TEST(ProducedBatch, WithoutACheckOnlyTheHeaderOfACompressedBatchIsLookedAt) {
  TopicConfig config;
  config.check_compressed = false;
  config.timestamp_before_ms_max = 1000;
  Bytes bytes = packed(batch_of({{"a", 0}}), Codec::lz4);
  bytes.back() = std::byte{9};
  RecordBatch::set_codec(bytes, Codec::lz4);
  EXPECT_EQ(take(config, bytes).error, KafkaError::none);
  const Bytes old = packed(batch_of({{"a", 1001}}), Codec::lz4);
  const ProducedBatch refused = take(config, old);
  EXPECT_EQ(refused.error, KafkaError::invalid_timestamp);
  EXPECT_TRUE(refused.bad_records.empty());
  config.check_compressed = true;
  EXPECT_EQ(take(config, bytes).error, KafkaError::corrupt_message);
}

TEST(ProducedBatch, AProducersLieAboutTheLargestTimeIsCorrected) {
  Bytes bytes = packed(batch_of({{"a", 7}, {"b", 5}}), Codec::gzip);
  RecordBatch::set_max_timestamp(bytes, kNowMs - 1'000'000);
  const ProducedBatch taken = take({}, bytes);
  ASSERT_EQ(taken.error, KafkaError::none);
  EXPECT_EQ(RecordBatch::parse(taken.bytes, {}).value().header_max_timestamp_ms(), kNowMs - 5);
}

TEST(ProducedBatch, OnlyAnotherCodecIsPackedAnew) {
  const Bytes plain = batch_of({{"a", 7}, {"b", 5}});
  TopicConfig config;
  config.compression = CompressionType::zstd;
  const Bytes same = packed(plain, Codec::zstd);
  EXPECT_TRUE(take(config, same).recompressed.empty());
  const ProducedBatch taken = take(config, plain);
  ASSERT_EQ(taken.error, KafkaError::none);
  EXPECT_EQ(taken.recompressed, same);
  config.compression = CompressionType::uncompressed;
  EXPECT_EQ(take(config, same).recompressed, plain);
  EXPECT_TRUE(take(config, plain).recompressed.empty());
}

TEST(ProducedBatch, ABatchFitsAFileOfItsTopic) {
  TopicConfig config;
  const Bytes bytes = batch_of({{"a", 7}, {"b", 5}});
  config.segment_bytes = bytes.size();
  EXPECT_EQ(take(config, bytes).error, KafkaError::none);
  config.segment_bytes = bytes.size() - 1;
  EXPECT_EQ(take(config, bytes).error, KafkaError::record_list_too_large);
}

TEST(ProducedBatch, ZstdBelowVersion7IsRefusedBeforeItIsUnpacked) {
  Bytes bytes = packed(batch_of({{"a", 7}}), Codec::zstd);
  EXPECT_EQ(take({}, bytes, 6).error, KafkaError::unsupported_compression_type);
  EXPECT_EQ(take({}, bytes, 7).error, KafkaError::none);
  bytes.back() = std::byte{0};
  bytes.pop_back();
  RecordBatch::set_codec(bytes, Codec::zstd);
  EXPECT_EQ(take({}, bytes, 6).error, KafkaError::unsupported_compression_type);
  EXPECT_EQ(take({}, bytes, 7).error, KafkaError::corrupt_message);
}

TEST(ProducedBatch, BadRecordsAreToldUpToABound) {
  TopicConfig config;
  config.compact_policy = true;
  const ProducedBatch refused =
      take(config, batch_of(std::vector<std::pair<std::string, int64_t>>(5000, {"", 0})));
  EXPECT_EQ(refused.bad_records.size(), ProducedBatch::kBadRecordsMax);
  EXPECT_TRUE(refused.message.starts_with("5000 of the batch's 5000 records"));
}

}  // namespace
}  // namespace penstock::kafka
