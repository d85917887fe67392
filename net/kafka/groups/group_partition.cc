#include "net/kafka/groups/group_partition.h"

#include <cstddef>
#include <limits>

namespace penstock::kafka {
namespace {

struct JavaHash {
  uint32_t value = 0;
  void add(uint32_t utf16_unit) { value = value * 31 + utf16_unit; }
  void add_code_point(uint32_t code_point) {
    constexpr uint32_t kFirstOfTwoUnits = 0x10000;
    if (code_point < kFirstOfTwoUnits) return add(code_point);
    add(0xD800 + ((code_point - kFirstOfTwoUnits) >> 10));
    add(0xDC00 + ((code_point - kFirstOfTwoUnits) & 0x3FF));
  }
};

size_t sequence_bytes(uint8_t first) {
  if (first < 0x80) return 1;
  if (first < 0xE0) return 2;
  return first < 0xF0 ? 3 : 4;
}

}  // namespace

uint32_t partition_of_group(std::string_view group_id, uint32_t partition_count) {
  JavaHash hash;
  for (size_t at = 0; at < group_id.size();) {
    const auto first = static_cast<uint8_t>(group_id[at]);
    const size_t length = sequence_bytes(first);
    uint32_t code_point = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length && at + i < group_id.size(); ++i) {
      code_point = code_point << 6 | (static_cast<uint8_t>(group_id[at + i]) & 0x3Fu);
    }
    hash.add_code_point(code_point);
    at += length;
  }
  const auto signed_hash = static_cast<int32_t>(hash.value);
  if (signed_hash == std::numeric_limits<int32_t>::min()) return 0;
  const auto magnitude = static_cast<uint32_t>(signed_hash < 0 ? -signed_hash : signed_hash);
  return magnitude % partition_count;
}

}  // namespace penstock::kafka
