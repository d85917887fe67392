#include "engine/segment.h"

#include <algorithm>

namespace penstock {
namespace {

OffsetIndex::Options index_options(Offset base_offset) {
  OffsetIndex::Options options;
  options.base_offset = base_offset;
  return options;
}

}  // namespace

SegmentIndex::SegmentIndex(Offset base_offset) : offsets(index_options(base_offset)) {}

void SegmentIndex::add(const FrameHeader& header, uint64_t position) {
  if (header.offset_span == 0) return;
  const Offset last = header.base_offset + (header.offset_span - 1);
  check(offsets.add(header.base_offset, last, position, header.frame_bytes()).ok());
  times.add(header.max_timestamp_ms, position, header.base_offset);
}

std::optional<uint64_t> SegmentIndex::find(Offset offset) const {
  const Result<OffsetIndex::Range> range = offsets.find(std::max(offset, offsets.base_offset()));
  if (!range.ok()) return std::nullopt;
  return range.value().position;
}

std::optional<Offset> SegmentIndex::find_time(int64_t timestamp_ms) const {
  const std::optional<TimeIndex::Range> range = times.find(timestamp_ms);
  if (!range) return std::nullopt;
  return range->base_offset;
}

}  // namespace penstock
