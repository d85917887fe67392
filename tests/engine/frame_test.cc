#include "engine/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "engine/record_batch.h"
#include "engine/segment_header.h"

namespace penstock {
namespace {

constexpr PartitionKey kKey{{0x1111, 0x2222}, 7};

FrameHeader some_header() {
  FrameHeader header;
  header.kind = FrameKind::opaque;
  header.payload_bytes = 1000;
  header.record_count = 3;
  header.base_offset = {42};
  header.offset_span = 3;
  header.leader_epoch = {5};
  header.max_timestamp_ms = -1;
  header.append_time_ms = 1'700'000'000'000;
  header.flushed_position = 4096;
  header.payload_checksum = 99;
  return header;
}

std::array<std::byte, kFrameHeaderBytes> encoded(const FrameHeader& header, uint64_t seed) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode_frame_header(header, seed, bytes.data());
  return bytes;
}

TEST(Frame, EveryFieldStandsWhereTheFormatPageSays) {
  const auto bytes = encoded(some_header(), 1);
  EXPECT_EQ(load<uint32_t>(bytes.data()), 0x31524650u);
  EXPECT_EQ(load<uint8_t>(&bytes[4]), 3u);
  EXPECT_EQ(load<uint8_t>(&bytes[5]), 0u);
  EXPECT_EQ(load<uint16_t>(&bytes[6]), 0u);
  EXPECT_EQ(load<uint32_t>(&bytes[8]), 1000u);
  EXPECT_EQ(load<uint32_t>(&bytes[12]), 3u);
  EXPECT_EQ(load<uint64_t>(&bytes[16]), 42u);
  EXPECT_EQ(load<uint32_t>(&bytes[24]), 3u);
  EXPECT_EQ(load<int32_t>(&bytes[28]), 5);
  EXPECT_EQ(load<int64_t>(&bytes[32]), -1);
  EXPECT_EQ(load<int64_t>(&bytes[40]), 1'700'000'000'000);
  EXPECT_EQ(load<uint64_t>(&bytes[48]), 4096u);
  EXPECT_EQ(load<uint64_t>(&bytes[56]), 99u);
}

TEST(Frame, AHeaderComesBackAsItWas) {
  const auto bytes = encoded(some_header(), 77);
  const auto decoded = decode_frame_header(bytes.data(), 77);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(encoded(*decoded, 77), bytes);
}

TEST(Frame, NoBitOfAHeaderCanFlipUnseen) {
  auto bytes = encoded(some_header(), 77);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte(1 << (bit % 8));
    EXPECT_FALSE(decode_frame_header(bytes.data(), 77).has_value()) << "bit " << bit;
    bytes[bit / 8] ^= std::byte(1 << (bit % 8));
  }
}

TEST(Frame, AHeaderOfAnotherPlaceLifeOrPartitionNeverPasses) {
  const Generation generation{1234};
  const uint64_t seed = frame_seed(segment_seed(kKey, generation), 8192);
  const auto bytes = encoded(some_header(), seed);
  ASSERT_TRUE(decode_frame_header(bytes.data(), seed).has_value());
  PartitionKey other = kKey;
  ++other.partition;
  EXPECT_FALSE(decode_frame_header(bytes.data(), frame_seed(segment_seed(kKey, generation), 8200)));
  EXPECT_FALSE(decode_frame_header(bytes.data(), frame_seed(segment_seed(kKey, {1235}), 8192)));
  EXPECT_FALSE(
      decode_frame_header(bytes.data(), frame_seed(segment_seed(other, generation), 8192)));
}

TEST(Frame, LengthsAreRoundedToEightBytes) {
  EXPECT_EQ(FrameHeader::frame_bytes_of(0), 72u);
  EXPECT_EQ(FrameHeader::frame_bytes_of(1), 80u);
  EXPECT_EQ(FrameHeader::frame_bytes_of(8), 80u);
  EXPECT_EQ(FrameHeader::frame_bytes_of(9), 88u);
}

TEST(Frame, AnImpossibleLengthIsRefusedEvenWithATrueChecksum) {
  FrameHeader header = some_header();
  auto bytes = encoded(header, 5);
  store(&bytes[8], kFramePayloadBytesMax + 1);
  header.payload_bytes = kFramePayloadBytesMax;
  const auto good = encoded(header, 5);
  EXPECT_TRUE(decode_frame_header(good.data(), 5).has_value());
  EXPECT_FALSE(decode_frame_header(bytes.data(), 5).has_value());
}

// A Kafka batch's frame hashes 61 bytes; the CRC among them answers for the rest.
TEST(Frame, EveryByteOfAKafkaBatchIsCovered) {
  RecordBatchBuilder builder({});
  const std::vector<std::byte> value(300, std::byte{7});
  RecordBatchBuilder::NewRecord record;
  record.timestamp_ms = 5;
  record.value = std::span<const std::byte>(value);
  builder.add(record);
  std::vector<std::byte> batch = builder.build();
  FrameHeader header;
  header.kind = FrameKind::kafka_batch;
  header.flags = kFrameFlagKafkaChecksum;
  header.payload_bytes = static_cast<uint32_t>(batch.size());
  header.payload_checksum = frame_payload_checksum(header.flags, batch);
  ASSERT_TRUE(frame_payload_matches(header, batch));
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i] ^= std::byte{0x10};
    EXPECT_FALSE(frame_payload_matches(header, batch)) << "byte " << i;
    batch[i] ^= std::byte{0x10};
  }
  header.payload_bytes = 10;  // too short to be a batch: no read beyond it
  EXPECT_FALSE(frame_payload_matches(header, std::span(batch).first(10)));
}

TEST(Frame, APayloadInPiecesMatchesAsItDoesInOne) {
  std::vector<std::byte> payload(300);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::byte>(i * 7);
  FrameHeader opaque = some_header();
  opaque.payload_bytes = static_cast<uint32_t>(payload.size());
  opaque.payload_checksum = frame_payload_checksum(opaque.flags, payload);
  FrameHeader kafka = opaque;
  kafka.kind = FrameKind::kafka_batch;
  kafka.flags = kFrameFlagKafkaChecksum;
  std::vector<std::byte> batch = payload;
  const uint32_t crc = crc32c(std::span(batch).subspan(21));
  store(&batch[17], __builtin_bswap32(crc));
  kafka.payload_checksum = frame_payload_checksum(kafka.flags, batch);
  ASSERT_TRUE(frame_payload_matches(kafka, std::span<const std::byte>(batch)));

  for (size_t at = 0; at <= payload.size(); ++at) {
    const auto matches = [at](const FrameHeader& header, std::span<const std::byte> bytes) {
      const std::array<std::span<const std::byte>, 2> pieces{bytes.first(at), bytes.subspan(at)};
      return frame_payload_matches(header, pieces);
    };
    EXPECT_TRUE(matches(opaque, payload)) << at;
    EXPECT_TRUE(matches(kafka, batch)) << at;
    const size_t flipped = (at * 31) % payload.size();
    payload[flipped] ^= std::byte{1};
    batch[flipped] ^= std::byte{1};
    EXPECT_FALSE(matches(opaque, payload)) << at;
    EXPECT_FALSE(matches(kafka, batch)) << at;
    payload[flipped] ^= std::byte{1};
    batch[flipped] ^= std::byte{1};
  }
}

TEST(SegmentHeader, ComesBackAsItWasAndNoBitCanFlipUnseen) {
  SegmentHeader header;
  header.directory_id = {1, 2};
  header.key = kKey;
  header.base_offset = {1000};
  header.generation = {77};
  header.file_bytes = 1 << 20;
  std::vector<std::byte> bytes(kSegmentHeaderBytes);
  encode_segment_header(header, bytes);
  const Result<SegmentHeader> decoded = decode_segment_header(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().directory_id, header.directory_id);
  EXPECT_EQ(decoded.value().key, header.key);
  EXPECT_EQ(decoded.value().base_offset, header.base_offset);
  EXPECT_EQ(decoded.value().generation, header.generation);
  EXPECT_EQ(decoded.value().file_bytes, header.file_bytes);
  for (size_t bit = 0; bit < size_t{88} * 8; ++bit) {
    bytes[bit / 8] ^= std::byte(1 << (bit % 8));
    EXPECT_FALSE(decode_segment_header(bytes).ok()) << "bit " << bit;
    bytes[bit / 8] ^= std::byte(1 << (bit % 8));
  }
  EXPECT_FALSE(decode_segment_header(std::span(bytes).first(100)).ok());
}

}  // namespace
}  // namespace penstock
