// Which segment of a partition holds an offset.
//
// Holds the segments' base offsets in order; a segment is known by its place, counted from the oldest one there is. A
// lookup looks at two blocks up to 1,024 segments and three up to 32,768, whatever their sizes.
// Owned by its partition, only on its reactor.
#pragma once

#include <cstddef>
#include <optional>

#include "index/offset.h"
#include "index/sampled_array.h"

namespace penstock {

class SegmentMap {
 public:
  size_t size() const { return bases_.size(); }
  bool empty() const { return bases_.empty(); }
  Offset base_offset(size_t place) const { return {bases_[place].key}; }

  // The next segment, whose base offset is above all others' (checked).
  void push_back(Offset base_offset) { bases_.push_back({base_offset.value}); }

  // Retention: the oldest `count` segments are gone, and places go down by as much.
  void drop_front(size_t count) { bases_.drop_front(count); }

  // A cut: only the oldest `count` segments are left.
  void keep_front(size_t count) { bases_.drop_back_to(count); }

  // The place of the last segment that begins at or below `offset`; none below the first. Whether the offset is in it
  // still, or past its end, the segment knows. `accesses` counts the blocks looked at, for tests.
  std::optional<size_t> find(Offset offset, size_t* accesses = nullptr) const {
    const size_t count = bases_.count_at_or_below(offset.value, accesses);
    if (count == 0) return std::nullopt;
    return count - 1;
  }

  size_t memory_bytes() const { return bases_.memory_bytes(); }

 private:
  struct Base {
    uint64_t key;
  };
  SampledArray<Base> bases_;
};

}  // namespace penstock
