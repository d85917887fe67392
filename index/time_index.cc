#include "index/time_index.h"

#include <algorithm>

#include "index/fields.h"
#include "io/check.h"

namespace penstock {
namespace {

// Serialized, little-endian; the groups follow in order.
//
//   byte  size  field
//      0     4  magic         format 1
//      4     4  group_count
//      8     8  group_bytes   what groups have grown to
//     16     8  end_position  after the start of the last frame
//     24        per group: max timestamp, first position, last position, base offset (8 bytes each)
constexpr uint32_t kMagic = 0x31494D54;
constexpr size_t kHeaderBytes = 24;
constexpr size_t kGroupBytes = 32;

}  // namespace

TimeIndex::TimeIndex(const Options& options) : options_(options) {
  check(options.entries_max >= 2);
  check(options.group_bytes > 0);
}

void TimeIndex::add(int64_t max_timestamp_ms, uint64_t position, Offset base_offset) {
  check(position >= end_position_);
  end_position_ = position + 1;
  if (!groups_.empty()) {
    Group& last = groups_.back();
    if (max_timestamp_ms <= last.max_timestamp_ms) return;
    if (position - last.first_position < options_.group_bytes) {
      last.max_timestamp_ms = max_timestamp_ms;
      last.last_position = position;
      return;
    }
  }
  if (groups_.size() == options_.entries_max) thin();
  groups_.push_back({max_timestamp_ms, position, position, base_offset});
}

// Joins neighbours as far as the groups' size allows, and lets that grow until half of the entries are free.
void TimeIndex::thin() {
  while (groups_.size() > options_.entries_max / 2) {
    options_.group_bytes =
        options_.group_bytes > (~uint64_t{0} >> 1) ? ~uint64_t{0} : options_.group_bytes * 2;
    size_t left = 1;
    for (size_t next = 1; next < groups_.size(); ++next) {
      Group& last = groups_[left - 1];
      const Group& group = groups_[next];
      if (group.last_position - last.first_position < options_.group_bytes) {
        last.max_timestamp_ms = group.max_timestamp_ms;
        last.last_position = group.last_position;
      } else {
        groups_[left++] = group;
      }
    }
    groups_.resize(left);
  }
}

std::optional<TimeIndex::Range> TimeIndex::find(int64_t timestamp_ms) const {
  const auto group = std::lower_bound(
      groups_.begin(), groups_.end(), timestamp_ms,
      [](const Group& one, int64_t timestamp) { return one.max_timestamp_ms < timestamp; });
  if (group == groups_.end()) return std::nullopt;
  return Range{group->base_offset, group->first_position, group->last_position};
}

std::optional<int64_t> TimeIndex::max_timestamp_ms() const {
  if (groups_.empty()) return std::nullopt;
  return groups_.back().max_timestamp_ms;
}

uint64_t TimeIndex::truncate(uint64_t position) {
  if (position >= end_position_) return position;
  uint64_t again_from = position;
  while (!groups_.empty() && groups_.back().last_position >= position) {
    again_from = std::min(again_from, groups_.back().first_position);
    groups_.pop_back();
  }
  end_position_ = again_from;
  return again_from;
}

std::vector<std::byte> TimeIndex::serialize() const {
  std::vector<std::byte> bytes(kHeaderBytes + groups_.size() * kGroupBytes);
  fields::store(bytes, 0, kMagic);
  fields::store(bytes, 4, static_cast<uint32_t>(groups_.size()));
  fields::store(bytes, 8, options_.group_bytes);
  fields::store(bytes, 16, end_position_);
  size_t at = kHeaderBytes;
  for (const Group& group : groups_) {
    fields::store(bytes, at, group.max_timestamp_ms);
    fields::store(bytes, at + 8, group.first_position);
    fields::store(bytes, at + 16, group.last_position);
    fields::store(bytes, at + 24, group.base_offset.value);
    at += kGroupBytes;
  }
  return bytes;
}

Result<TimeIndex> TimeIndex::parse(std::span<const std::byte> bytes, const Options& options) {
  if (bytes.size() < kHeaderBytes) return Error::corrupt;
  if (fields::load<uint32_t>(bytes, 0) != kMagic) return Error::corrupt;
  const uint64_t group_count = fields::load<uint32_t>(bytes, 4);
  if (bytes.size() != kHeaderBytes + group_count * kGroupBytes) return Error::corrupt;
  if (group_count > options.entries_max) return Error::corrupt;

  TimeIndex index(options);
  index.options_.group_bytes = fields::load<uint64_t>(bytes, 8);
  index.end_position_ = fields::load<uint64_t>(bytes, 16);
  if (index.options_.group_bytes == 0) return Error::corrupt;
  for (size_t at = kHeaderBytes; at < bytes.size(); at += kGroupBytes) {
    const Group group{fields::load<int64_t>(bytes, at), fields::load<uint64_t>(bytes, at + 8),
                      fields::load<uint64_t>(bytes, at + 16),
                      Offset{fields::load<uint64_t>(bytes, at + 24)}};
    if (group.last_position < group.first_position) return Error::corrupt;
    if (group.last_position - group.first_position >= index.options_.group_bytes) {
      return Error::corrupt;
    }
    if (group.last_position >= index.end_position_) return Error::corrupt;
    if (!index.groups_.empty()) {
      const Group& before = index.groups_.back();
      if (group.max_timestamp_ms <= before.max_timestamp_ms) return Error::corrupt;
      if (group.first_position <= before.last_position) return Error::corrupt;
      if (group.base_offset <= before.base_offset) return Error::corrupt;
    }
    index.groups_.push_back(group);
  }
  if (group_count == 0 && index.end_position_ != 0) return Error::corrupt;
  return index;
}

}  // namespace penstock
