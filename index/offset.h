// The place of a record in its partition's log. It counts records; places in files are positions, in bytes.
#pragma once

#include <compare>
#include <cstdint>

namespace penstock {

struct Offset {
  uint64_t value = 0;

  friend auto operator<=>(Offset, Offset) = default;
  friend Offset operator+(Offset offset, uint64_t records) { return {offset.value + records}; }
  // `later` is not below `earlier`.
  friend uint64_t operator-(Offset later, Offset earlier) { return later.value - earlier.value; }
};

}  // namespace penstock
