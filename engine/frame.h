// A frame: one record batch as it came, behind a header of ours. The byte-exact page is docs/segment_format.md.
//
// Little-endian. The payload follows the header, padded with zeros to 8 bytes; the next frame follows that.
//
//   byte  size  field             meaning
//      0     4  magic             "PFR1": format 1
//      4     1  kind              FrameKind
//      5     1  flags             bit 0: the payload checksum is Kafka's (see below); others are zero
//      6     2  reserved          zero
//      8     4  payload_bytes     without the padding
//     12     4  record_count
//     16     8  base_offset       of the first record
//     24     4  offset_span       the next frame's base offset is at least base_offset + offset_span
//     28     4  leader_epoch
//     32     8  max_timestamp_ms  of its records, signed
//     40     8  append_time_ms    never decreases within a partition
//     48     8  flushed_position  in this segment: all below it was known flushed when this frame was made.
//                                 0: not even all of the segments before this one
//     56     8  payload_checksum  XXH3-64 of the payload; or, with flag bit 0, XXH3-64 of its first 61 bytes, the
//                                 batch header, whose CRC-32C field covers the rest
//     64     8  header_checksum   XXH3-64 of bytes 0..63, seeded with frame_seed()
//
// The seed is made of topic id, partition, generation and position, so a frame written to the wrong place, or left
// from an earlier life of its file, never passes; a header proves its lengths without a look at the payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/types.h"

namespace penstock {

enum class FrameKind : uint8_t {
  kafka_batch = 1,  // one Kafka record batch, format 2
  packets = 2,      // raw packets
  opaque = 3,       // bytes of the embedding program's; one record
  pad = 4,          // nothing: takes the log to the next block
  index = 5,        // a sealed segment's index, after its last frame: derived, no offsets
};

inline constexpr size_t kFrameHeaderBytes = 72;
inline constexpr size_t kFrameAlignment = 8;
inline constexpr uint32_t kFramePayloadBytesMax = 64 << 20;
inline constexpr uint32_t kFrameMagic = 0x31524650;  // "PFR1"
inline constexpr uint8_t kFrameFlagKafkaChecksum = 1;

struct FrameHeader {
  FrameKind kind = FrameKind::opaque;
  uint8_t flags = 0;
  uint32_t payload_bytes = 0;
  uint32_t record_count = 0;
  Offset base_offset;
  uint32_t offset_span = 0;
  LeaderEpoch leader_epoch;
  int64_t max_timestamp_ms = 0;
  int64_t append_time_ms = 0;
  uint64_t flushed_position = 0;
  uint64_t payload_checksum = 0;

  Offset next_offset() const { return base_offset + offset_span; }
  // Header, payload and padding.
  uint64_t frame_bytes() const { return frame_bytes_of(payload_bytes); }
  static uint64_t frame_bytes_of(uint64_t payload_bytes) {
    return (kFrameHeaderBytes + payload_bytes + kFrameAlignment - 1) / kFrameAlignment *
           kFrameAlignment;
  }
};

// What ties a frame to one place of one life of one partition's segment.
uint64_t segment_seed(const PartitionKey& key, Generation generation);
inline uint64_t frame_seed(uint64_t segment_seed, uint64_t position) {
  return segment_seed + position * 0x9E3779B97F4A7C15ull;
}

// Writes kFrameHeaderBytes to `to`.
void encode_frame_header(const FrameHeader& header, uint64_t seed, std::byte* to);

// The header at `from` (kFrameHeaderBytes readable), or nothing if it is not a frame of this seed.
std::optional<FrameHeader> decode_frame_header(const std::byte* from, uint64_t seed);

// The payload_checksum for a payload under `flags`.
uint64_t frame_payload_checksum(uint8_t flags, std::span<const std::byte> payload);

// Whether all of `payload` is what `header` was made for. For kafka_checksum frames this hashes the whole batch.
bool frame_payload_matches(const FrameHeader& header, std::span<const std::byte> payload);
// The same for a payload in pieces one behind the other.
bool frame_payload_matches(const FrameHeader& header,
                           std::span<const std::span<const std::byte>> pieces);

}  // namespace penstock
