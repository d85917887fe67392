// The first block of a segment file: whose it is.
//
// Little-endian, kSegmentHeaderBytes long, frames follow. The file's name says nothing.
//
//   byte  size  field            meaning
//      0     8  magic            "PENSEG01"
//      8     4  version          1
//     12     4  reserved         zero
//     16    16  directory_id     UUID of the data directory
//     32    16  topic_id         high half, then low half
//     48     4  partition
//     52     4  reserved         zero
//     56     8  base_offset      no frame has a lower one
//     64     8  generation       of the frames from kSegmentHeaderBytes on, up to the first cut
//     72     8  file_bytes       allocated size, a size class
//     80     8  checksum         XXH3-64 of bytes 0..79
//     88  4008  zeros
#pragma once

#include <span>

#include "engine/types.h"
#include "io/result.h"

namespace penstock {

inline constexpr size_t kSegmentHeaderBytes = 4096;

struct SegmentHeader {
  TopicId directory_id;
  PartitionKey key;
  Offset base_offset;
  Generation generation;
  uint64_t file_bytes = 0;
};

// `to` is kSegmentHeaderBytes long; all of it is written.
void encode_segment_header(const SegmentHeader& header, std::span<std::byte> to);

// Error::corrupt: not a header of ours; Error::unsupported: one of another version.
Result<SegmentHeader> decode_segment_header(std::span<const std::byte> from);

}  // namespace penstock
