// From a time to the first frame of one segment that reached it.
//
// Timestamps come from producers and may jump either way, so what is indexed is the largest one so far. It rises at
// some frames only; those between them need no entry, for they are never the first to reach a time. Frames that raise
// it within Options::group_bytes of each other share one entry, and when there would be more entries than
// Options::entries_max, groups grow until there are half as many.
//
// Timestamps are milliseconds, positions bytes from the start of the file. Derived from the frames and rebuilt from
// them when missing. Owned by its segment, only on its reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/offset.h"
#include "io/result.h"

namespace penstock {

class TimeIndex {
 public:
  struct Options {
    size_t entries_max = 1024;         // at least 2
    uint64_t group_bytes = 256 << 10;  // to begin with
  };
  // The frame looked for begins between the two positions, both included.
  struct Range {
    Offset base_offset;  // of the frame at first_position
    uint64_t first_position = 0;
    uint64_t last_position = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };

  TimeIndex() : TimeIndex(Options{}) {}
  explicit TimeIndex(const Options& options);

  // The frame at `position`, above all others' (checked), holds timestamps up to `max_timestamp_ms`.
  void add(int64_t max_timestamp_ms, uint64_t position, Offset base_offset);

  // Where the first frame with a timestamp at or above `timestamp_ms` is; nothing if all are below.
  std::optional<Range> find(int64_t timestamp_ms) const;

  // The largest timestamp of the frames; nothing if there are none.
  std::optional<int64_t> max_timestamp_ms() const;

  // Forgets the frames from `position` on. Entries that a cut frame was part of are given up whole: the frames from
  // the answer up to `position` are to be added again (none, where the answer is `position`).
  uint64_t truncate(uint64_t position);

  size_t entry_count() const { return groups_.size(); }
  size_t memory_bytes() const { return groups_.capacity() * sizeof(Group); }

  // The index as bytes, and back; whoever keeps them covers them with a checksum. parse() refuses what no index could
  // be (Error::corrupt).
  std::vector<std::byte> serialize() const;
  static Result<TimeIndex> parse(std::span<const std::byte> bytes, const Options& options);

 private:
  struct Group {
    int64_t max_timestamp_ms;  // after its last rise
    uint64_t first_position;   // of its first rise
    uint64_t last_position;    // of its last rise
    Offset base_offset;        // of the frame at first_position
  };
  void thin();

  Options options_;
  std::vector<Group> groups_;  // timestamps and positions ascend
  uint64_t end_position_ = 0;  // after the start of the last frame added
};

}  // namespace penstock
