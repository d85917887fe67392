// Where the frames of one segment are: offset to position, in constant time.
//
// Frames stand in *runs*: neighbours of together at most Options::run_bytes_max, or a single larger frame. The index
// holds one entry of 8 bytes per run (of 16, once the segment holds 2^32 bytes or offsets), and any two runs in a row
// exceed run_bytes_max: so its size follows the segment's bytes, and never the number, the size or the spread of its
// records. A lookup looks at one place of it where frames are alike, and otherwise at two up to 1,024 runs, at three up
// to 32,768; it answers with one run: whole frames, to be read at once.
//
// Offsets count records; positions are bytes from the start of the file. Derived from the frames and rebuilt from them
// when missing: never evidence in recovery. Owned by its segment, only on its reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "index/offset.h"
#include "index/sampled_array.h"
#include "io/result.h"

namespace penstock {

class OffsetIndex {
 public:
  struct Options {
    Offset base_offset;                  // of the segment
    uint64_t run_bytes_max = 256 << 10;  // what one lookup may cost to read; at least 1
  };
  // Begins at the first byte of a frame.
  struct Range {
    uint64_t position = 0;
    uint64_t length_bytes = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };

  explicit OffsetIndex(const Options& options);

  // The frame at `position` holds the offsets from `first` to `last`. Frames come in ascending order; offsets and
  // positions may be left out between them. Error::corrupt if they do not ascend (a damaged file may say so).
  Result<void> add(Offset first, Offset last, uint64_t position, uint64_t frame_bytes);

  // Whole frames, among them the one that holds `offset` or, if none does, the next one. At most run_bytes_max, or one
  // frame; pad frames behind a run come on top. Error::offset_out_of_range below the base offset and from
  // next_offset() on. `accesses` counts the blocks looked at, for tests.
  Result<Range> find(Offset offset, size_t* accesses = nullptr) const;

  // Forgets the frames from `position` on; the ones left end there, and the log goes on at `next_offset`.
  void truncate(uint64_t position, Offset next_offset);

  Offset base_offset() const { return options_.base_offset; }
  Offset next_offset() const { return next_offset_; }      // after the last frame
  uint64_t end_position() const { return end_position_; }  // of the last frame; 0 if there is none
  size_t run_count() const;
  size_t memory_bytes() const;
  void settle();  // no more frames for a while: gives spare memory back

  // The index as bytes, for keeping beside the frames, and back. Whoever keeps them covers them with a checksum and
  // compares next_offset() and end_position() with the segment's; parse() refuses what no index could be and what has
  // another base offset (Error::corrupt).
  std::vector<std::byte> serialize() const;
  static Result<OffsetIndex> parse(std::span<const std::byte> bytes, const Options& options);

 private:
  // From the end of the run before it: offsets that nobody holds belong to the run behind them. `key` counts from the
  // base offset.
  template <class Word>
  struct Run {
    Word key;
    Word position;
  };
  using Near = SampledArray<Run<uint32_t>>;
  using Far = SampledArray<Run<uint64_t>>;

  void push_run(uint64_t key, uint64_t position);
  Run<uint64_t> run(size_t place) const;
  void widen();

  Options options_;
  Offset next_offset_;
  uint64_t end_position_ = 0;
  std::variant<Near, Far> runs_;
};

}  // namespace penstock
