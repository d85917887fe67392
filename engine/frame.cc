#include "engine/frame.h"

#include <algorithm>
#include <array>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "io/check.h"

namespace penstock {
namespace {

// Kafka record batch, format 2: the header's length, and where its CRC and what the CRC covers begin.
constexpr size_t kBatchHeaderBytes = 61;
constexpr size_t kBatchCrcPosition = 17;
constexpr size_t kBatchCrcCoverPosition = 21;
constexpr size_t kChecksummedBytes = 64;
static_assert(kChecksummedBytes + sizeof(uint64_t) == kFrameHeaderBytes);

uint32_t big_endian_u32(const std::byte* from) { return __builtin_bswap32(load<uint32_t>(from)); }

}  // namespace

uint64_t segment_seed(const PartitionKey& key, Generation generation) {
  std::array<std::byte, 28> identity;
  store(identity.data(), key.topic.high);
  store(identity.data() + 8, key.topic.low);
  store(identity.data() + 16, key.partition);
  store(identity.data() + 20, generation.value);
  return xxh3_64(identity);
}

void encode_frame_header(const FrameHeader& header, uint64_t seed, std::byte* to) {
  check(header.payload_bytes <= kFramePayloadBytesMax);
  store(to, kFrameMagic);
  store(to + 4, static_cast<uint8_t>(header.kind));
  store(to + 5, header.flags);
  store(to + 6, uint16_t{0});
  store(to + 8, header.payload_bytes);
  store(to + 12, header.record_count);
  store(to + 16, header.base_offset.value);
  store(to + 24, header.offset_span);
  store(to + 28, header.leader_epoch.value);
  store(to + 32, header.max_timestamp_ms);
  store(to + 40, header.append_time_ms);
  store(to + 48, header.flushed_position);
  store(to + 56, header.payload_checksum);
  store(to + kChecksummedBytes, xxh3_64({to, kChecksummedBytes}, seed));
}

std::optional<FrameHeader> decode_frame_header(const std::byte* from, uint64_t seed) {
  if (load<uint32_t>(from) != kFrameMagic) return std::nullopt;
  if (load<uint64_t>(from + kChecksummedBytes) != xxh3_64({from, kChecksummedBytes}, seed)) {
    return std::nullopt;
  }
  FrameHeader header;
  const uint8_t kind = load<uint8_t>(from + 4);
  if (kind < static_cast<uint8_t>(FrameKind::kafka_batch)) return std::nullopt;
  if (kind > static_cast<uint8_t>(FrameKind::index)) return std::nullopt;
  header.kind = static_cast<FrameKind>(kind);
  header.flags = load<uint8_t>(from + 5);
  header.payload_bytes = load<uint32_t>(from + 8);
  if (header.payload_bytes > kFramePayloadBytesMax) return std::nullopt;
  header.record_count = load<uint32_t>(from + 12);
  header.base_offset = {load<uint64_t>(from + 16)};
  header.offset_span = load<uint32_t>(from + 24);
  header.leader_epoch = {load<int32_t>(from + 28)};
  header.max_timestamp_ms = load<int64_t>(from + 32);
  header.append_time_ms = load<int64_t>(from + 40);
  header.flushed_position = load<uint64_t>(from + 48);
  header.payload_checksum = load<uint64_t>(from + 56);
  return header;
}

uint64_t frame_payload_checksum(uint8_t flags, std::span<const std::byte> payload) {
  if ((flags & kFrameFlagKafkaChecksum) == 0) return xxh3_64(payload);
  check(payload.size() >= kBatchHeaderBytes);
  return xxh3_64(payload.first(kBatchHeaderBytes));
}

bool frame_payload_matches(const FrameHeader& header, std::span<const std::byte> payload) {
  if (header.kind == FrameKind::pad) return true;  // nothing that anyone will read
  if (payload.size() != header.payload_bytes) return false;
  const bool kafka = (header.flags & kFrameFlagKafkaChecksum) != 0;
  if (kafka && payload.size() < kBatchHeaderBytes) return false;
  if (frame_payload_checksum(header.flags, payload) != header.payload_checksum) return false;
  if (!kafka) return true;
  return crc32c(payload.subspan(kBatchCrcCoverPosition)) ==
         big_endian_u32(payload.data() + kBatchCrcPosition);
}

bool frame_payload_matches(const FrameHeader& header,
                           std::span<const std::span<const std::byte>> pieces) {
  if (header.kind == FrameKind::pad) return true;
  size_t size_bytes = 0;
  std::array<std::byte, kBatchHeaderBytes> batch_header;
  uint32_t crc = 0;
  for (const std::span<const std::byte> piece : pieces) {
    for (size_t i = 0; i < piece.size() && size_bytes + i < batch_header.size(); ++i) {
      batch_header[size_bytes + i] = piece[i];
    }
    size_bytes += piece.size();
  }
  if (size_bytes != header.payload_bytes) return false;
  if ((header.flags & kFrameFlagKafkaChecksum) == 0) {
    return xxh3_64_of_pieces(pieces) == header.payload_checksum;
  }
  if (size_bytes < kBatchHeaderBytes) return false;
  if (xxh3_64(batch_header) != header.payload_checksum) return false;
  size_t uncovered = kBatchCrcCoverPosition;
  for (const std::span<const std::byte> piece : pieces) {
    const size_t skip = std::min(uncovered, piece.size());
    uncovered -= skip;
    crc = crc32c(piece.subspan(skip), crc);
  }
  return crc == big_endian_u32(batch_header.data() + kBatchCrcPosition);
}

}  // namespace penstock
