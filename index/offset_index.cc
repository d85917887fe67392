#include "index/offset_index.h"

#include <algorithm>

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
  const size_t runs = run_count();
  if (runs == 0 || end - run(runs - 1).position > options_.run_bytes_max) {
    push_run(next_offset_ - options_.base_offset, position);
  }
  next_offset_ = last + 1;
  end_position_ = end;
  return {};
}

void OffsetIndex::push_run(uint64_t key, uint64_t position) {
  constexpr uint64_t kNearMax = ~uint32_t{0};
  if (std::holds_alternative<Near>(runs_) && std::max(key, position) > kNearMax) widen();
  if (Near* const near = std::get_if<Near>(&runs_)) {
    near->push_back({static_cast<uint32_t>(key), static_cast<uint32_t>(position)});
  } else {
    std::get<Far>(runs_).push_back({key, position});
  }
}

void OffsetIndex::widen() {
  Far far;
  for (size_t place = 0; place < run_count(); ++place) far.push_back(run(place));
  runs_ = std::move(far);
}

OffsetIndex::Run<uint64_t> OffsetIndex::run(size_t place) const {
  const auto at = [place](const auto& runs) {
    return Run<uint64_t>{runs[place].key, runs[place].position};
  };
  return std::visit(at, runs_);
}

size_t OffsetIndex::run_count() const {
  return std::visit([](const auto& runs) { return runs.size(); }, runs_);
}

size_t OffsetIndex::memory_bytes() const {
  return std::visit([](const auto& runs) { return runs.memory_bytes(); }, runs_);
}

void OffsetIndex::settle() {
  std::visit([](auto& runs) { runs.settle(); }, runs_);
}

Result<OffsetIndex::Range> OffsetIndex::find(Offset offset, size_t* accesses) const {
  if (offset < options_.base_offset || offset >= next_offset_) return Error::offset_out_of_range;
  const auto range_of = [&](const auto& runs, auto key) {
    const size_t count = runs.count_at_or_below(key, accesses);
    check(count > 0);  // the first run begins at the base offset
    const uint64_t position = runs[count - 1].position;
    const uint64_t end = count < runs.size() ? runs[count].position : end_position_;
    return Range{position, end - position};
  };
  const uint64_t key = offset - options_.base_offset;
  if (const Near* const near = std::get_if<Near>(&runs_)) {
    // The last run may reach beyond what a key of its own could be.
    constexpr uint64_t kNearMax = ~uint32_t{0};
    return range_of(*near, static_cast<uint32_t>(std::min(key, kNearMax)));
  }
  return range_of(std::get<Far>(runs_), key);
}

void OffsetIndex::truncate(uint64_t position, Offset next_offset) {
  if (position >= end_position_) return;
  check(next_offset <= next_offset_);
  size_t left = run_count();
  while (left > 0 && run(left - 1).position >= position) --left;
  std::visit([left](auto& runs) { runs.drop_back_to(left); }, runs_);
  next_offset_ = left > 0 ? next_offset : options_.base_offset;
  end_position_ = left > 0 ? position : 0;
  check(left == 0 || options_.base_offset + run(left - 1).key < next_offset_);
}

std::vector<std::byte> OffsetIndex::serialize() const {
  const size_t runs = run_count();
  std::vector<std::byte> bytes(kHeaderBytes + runs * kRunBytes);
  fields::store(bytes, 0, kMagic);
  fields::store(bytes, 4, static_cast<uint32_t>(runs));
  fields::store(bytes, 8, next_offset_.value);
  fields::store(bytes, 16, end_position_);
  for (size_t place = 0; place < runs; ++place) {
    const Run<uint64_t> one = run(place);
    fields::store(bytes, kHeaderBytes + place * kRunBytes, options_.base_offset.value + one.key);
    fields::store(bytes, kHeaderBytes + place * kRunBytes + 8, one.position);
  }
  return bytes;
}

Result<OffsetIndex> OffsetIndex::parse(std::span<const std::byte> bytes, const Options& options) {
  if (bytes.size() < kHeaderBytes) return Error::corrupt;
  if (fields::load<uint32_t>(bytes, 0) != kMagic) return Error::corrupt;
  const uint64_t run_count = fields::load<uint32_t>(bytes, 4);
  if (bytes.size() != kHeaderBytes + run_count * kRunBytes) return Error::corrupt;

  OffsetIndex index(options);
  Run<uint64_t> before{options.base_offset.value, 0};
  for (uint64_t at = kHeaderBytes; at < bytes.size(); at += kRunBytes) {
    const Run<uint64_t> next{fields::load<uint64_t>(bytes, at),
                             fields::load<uint64_t>(bytes, at + 8)};
    const bool ascends = at == kHeaderBytes
                             ? next.key == before.key
                             : next.key > before.key && next.position > before.position;
    if (!ascends) return Error::corrupt;
    index.push_run(next.key - options.base_offset.value, next.position);
    before = next;
  }
  index.next_offset_.value = fields::load<uint64_t>(bytes, 8);
  index.end_position_ = fields::load<uint64_t>(bytes, 16);
  const bool ends_true =
      run_count == 0
          ? index.next_offset_ == options.base_offset && index.end_position_ == 0
          : index.next_offset_.value > before.key && index.end_position_ > before.position;
  if (!ends_true) return Error::corrupt;
  index.settle();
  return index;
}

}  // namespace penstock
