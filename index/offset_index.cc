#include "index/offset_index.h"

#include "index/fields.h"
#include "io/check.h"

namespace penstock {
namespace {

// Serialized, little-endian; the runs follow in order.
//
//   byte  size  field
//      0     4  magic         format 1
//      4     4  run_count
//      8     8  next_offset   after the last frame
//     16     8  end_position  of the last frame
//     24        per run: first offset (8 bytes), position (8 bytes)
constexpr uint32_t kMagic = 0x3149464F;
constexpr size_t kHeaderBytes = 24;
constexpr size_t kRunBytes = 16;

}  // namespace

OffsetIndex::OffsetIndex(const Options& options)
    : options_(options), next_offset_(options.base_offset) {
  check(options.run_bytes_max > 0);
}

Result<void> OffsetIndex::add(Offset first, Offset last, uint64_t position, uint64_t frame_bytes) {
  if (first < next_offset_ || last < first || last.value == ~uint64_t{0}) return Error::corrupt;
  if (frame_bytes == 0 || position < end_position_ || position > ~uint64_t{0} - frame_bytes) {
    return Error::corrupt;
  }
  const uint64_t end = position + frame_bytes;
  if (runs_.empty() || end - runs_.back().position > options_.run_bytes_max) {
    runs_.push_back({.key = next_offset_.value, .position = position});
  }
  next_offset_ = last + 1;
  end_position_ = end;
  return {};
}

Result<OffsetIndex::Range> OffsetIndex::find(Offset offset, size_t* accesses) const {
  if (offset < options_.base_offset || offset >= next_offset_) return Error::offset_out_of_range;
  const size_t runs = runs_.count_at_or_below(offset.value, accesses);
  check(runs > 0);  // the first run begins at the base offset
  const uint64_t position = runs_[runs - 1].position;
  const uint64_t end = runs < runs_.size() ? runs_[runs].position : end_position_;
  return Range{position, end - position};
}

void OffsetIndex::truncate(uint64_t position, Offset next_offset) {
  if (position >= end_position_) return;
  check(next_offset <= next_offset_);
  size_t left = runs_.size();
  while (left > 0 && runs_[left - 1].position >= position) --left;
  runs_.drop_back_to(left);
  next_offset_ = left > 0 ? next_offset : options_.base_offset;
  end_position_ = left > 0 ? position : 0;
  check(left == 0 || runs_.back().key < next_offset_.value);
}

std::vector<std::byte> OffsetIndex::serialize() const {
  std::vector<std::byte> bytes(kHeaderBytes + runs_.size() * kRunBytes);
  fields::store(bytes, 0, kMagic);
  fields::store(bytes, 4, static_cast<uint32_t>(runs_.size()));
  fields::store(bytes, 8, next_offset_.value);
  fields::store(bytes, 16, end_position_);
  for (size_t run = 0; run < runs_.size(); ++run) {
    fields::store(bytes, kHeaderBytes + run * kRunBytes, runs_[run].key);
    fields::store(bytes, kHeaderBytes + run * kRunBytes + 8, runs_[run].position);
  }
  return bytes;
}

Result<OffsetIndex> OffsetIndex::parse(std::span<const std::byte> bytes, const Options& options) {
  if (bytes.size() < kHeaderBytes) return Error::corrupt;
  if (fields::load<uint32_t>(bytes, 0) != kMagic) return Error::corrupt;
  const uint64_t run_count = fields::load<uint32_t>(bytes, 4);
  if (bytes.size() != kHeaderBytes + run_count * kRunBytes) return Error::corrupt;

  OffsetIndex index(options);
  for (uint64_t at = kHeaderBytes; at < bytes.size(); at += kRunBytes) {
    const Run run{fields::load<uint64_t>(bytes, at), fields::load<uint64_t>(bytes, at + 8)};
    const bool ascends = index.runs_.empty() ? run.key == options.base_offset.value
                                             : run.key > index.runs_.back().key &&
                                                   run.position > index.runs_.back().position;
    if (!ascends) return Error::corrupt;
    index.runs_.push_back(run);
  }
  index.next_offset_.value = fields::load<uint64_t>(bytes, 8);
  index.end_position_ = fields::load<uint64_t>(bytes, 16);
  const bool ends_true = run_count == 0
                             ? index.next_offset_ == options.base_offset && index.end_position_ == 0
                             : index.next_offset_.value > index.runs_.back().key &&
                                   index.end_position_ > index.runs_.back().position;
  if (!ends_true) return Error::corrupt;
  return index;
}

}  // namespace penstock
