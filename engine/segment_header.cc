#include "engine/segment_header.h"

#include <cstring>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "io/check.h"

namespace penstock {
namespace {
constexpr char kMagic[] = "PENSEG01";
constexpr uint32_t kVersion = 1;
constexpr size_t kChecksumPosition = 80;
}  // namespace

void encode_segment_header(const SegmentHeader& header, std::span<std::byte> to) {
  check(to.size() == kSegmentHeaderBytes);
  std::memset(to.data(), 0, to.size());
  std::memcpy(to.data(), kMagic, 8);
  store(to.data() + 8, kVersion);
  store(to.data() + 16, header.directory_id.high);
  store(to.data() + 24, header.directory_id.low);
  store(to.data() + 32, header.key.topic.high);
  store(to.data() + 40, header.key.topic.low);
  store(to.data() + 48, header.key.partition);
  store(to.data() + 56, header.base_offset.value);
  store(to.data() + 64, header.generation.value);
  store(to.data() + 72, header.file_bytes);
  store(to.data() + kChecksumPosition, xxh3_64(to.first(kChecksumPosition)));
}

Result<SegmentHeader> decode_segment_header(std::span<const std::byte> from) {
  if (from.size() < kSegmentHeaderBytes) return Error::corrupt;
  if (std::memcmp(from.data(), kMagic, 8) != 0) return Error::corrupt;
  if (load<uint64_t>(from.data() + kChecksumPosition) != xxh3_64(from.first(kChecksumPosition))) {
    return Error::corrupt;
  }
  if (load<uint32_t>(from.data() + 8) != kVersion) return Error::unsupported;
  SegmentHeader header;
  header.directory_id = {load<uint64_t>(from.data() + 16), load<uint64_t>(from.data() + 24)};
  header.key.topic = {load<uint64_t>(from.data() + 32), load<uint64_t>(from.data() + 40)};
  header.key.partition = load<uint32_t>(from.data() + 48);
  header.base_offset = {load<uint64_t>(from.data() + 56)};
  header.generation = {load<uint64_t>(from.data() + 64)};
  header.file_bytes = load<uint64_t>(from.data() + 72);
  return header;
}

}  // namespace penstock
