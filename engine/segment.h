// One file of a partition's log, as the partition holds it in memory.
//
// Positions are bytes from the start of the file. A *log position* counts the bytes of frames over all segments of a
// partition since it was opened: the one line along which writes, flushes and acknowledgements move. A segment's first
// frame has the log position at which the segment before it ended.
// Owned by its Partition; only on its reactor.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/frame.h"
#include "engine/partition_state.h"
#include "engine/recency.h"
#include "engine/segment_header.h"
#include "index/offset_index.h"
#include "index/time_index.h"
#include "io/disk.h"
#include "io/event.h"

namespace penstock {

// Offset and time lookup over a stretch of one segment's frames.
struct SegmentIndex {
  explicit SegmentIndex(Offset base_offset);
  void add(const FrameHeader& header, uint64_t position);
  // Where to start walking for the frame that holds `offset`; nothing if the index is empty.
  std::optional<uint64_t> find(Offset offset) const;
  // The base offset of the first frame that may hold a record of at least `timestamp_ms`.
  std::optional<Offset> find_time(int64_t timestamp_ms) const;

  OffsetIndex offsets;
  TimeIndex times;
};

// Where log positions begin: compaction may put a longer segment in the first one's place, which ends where that ended.
inline constexpr uint64_t kLogPositionFirst = uint64_t{1} << 40;

struct OpenFileUse {};  // a list that segments stand in: see OpenSegments

struct Segment : RecencyLink<OpenFileUse> {
  Segment(std::string path_in, SegmentState state_in)
      : path(std::move(path_in)),
        state(std::move(state_in)),
        end_position(state.sealed ? state.end_position : kSegmentHeaderBytes),
        next_offset(state.sealed ? state.next_offset : state.base_offset),
        max_timestamp_ms(state.max_timestamp_ms),
        mapped_bytes(state.written_bytes),
        index(next_offset),
        indexed_position(end_position),
        indexed_offset(next_offset) {}
  Segment(const Segment&) = delete;

  std::string path;
  SegmentState state;
  FileId file;           // open while valid: OpenSegments opens it, and closes it when it may
  bool writing = false;  // OpenSegments::hold(): the file stays open

  uint64_t log_base = 0;  // log position of byte 0
  uint64_t end_position;  // of the last frame placed
  Offset next_offset;     // after the last frame placed
  int64_t max_timestamp_ms;

  uint64_t
      mapped_bytes;  // blocks below were written before and are durably mapped: a shared flush does for them
  uint64_t completed_bytes = 0;  // the end of the highest completed write, whole blocks

  // Derived from frames. `index` has those from indexed_position on; the ones before it (none in a segment that was
  // made in this life) are walked, and `earlier_index` is made, at the first read that needs them.
  SegmentIndex index;
  std::unique_ptr<SegmentIndex> earlier_index;
  bool earlier_complete = false;  // the walk got to the end: no frame on the way was damaged
  uint64_t indexed_position;
  Offset indexed_offset;

  // How far beyond a frame that recovery cannot read it has to search for one that knows it was flushed: twice the
  // largest frame, and four times the furthest that a frame was ahead of the flushes when it was placed.
  uint64_t search_bytes = 0;
  void note_frame(uint64_t frame_bytes, uint64_t lag_bytes) {
    search_bytes = std::max({search_bytes, 2 * frame_bytes, 4 * lag_bytes});
  }

  // Where reads of the last few places ended: whoever goes on there need not search.
  struct ReadEnd {
    Offset next_offset;
    uint64_t position = 0;  // 0: none
  };
  std::array<ReadEnd, 4> read_ends;
  uint32_t next_read_end = 0;

  // Who reads in order from the disk: where the furthest read of each ended, and how many went on from one before.
  struct ReadStream {
    uint64_t position = 0;  // 0: none
    uint32_t run = 0;
  };
  std::array<ReadStream, 4> read_streams;
  uint32_t next_read_stream = 0;

  bool damage_told = false;  // to the Reporter, by the first read that met it

  uint32_t pin_count = 0;  // readers: the file stays as it is
  WaitQueue unpinned;

  uint64_t log_end() const { return log_base + end_position; }
  uint64_t log_position(uint64_t position) const { return log_base + position; }
  Generation generation_at(uint64_t position) const {
    Generation generation;
    for (const GenerationStart& start : state.generations) {
      if (start.position <= position) generation = start.generation;
    }
    return generation;
  }
};

// Keeps a segment's file from being reused, and from being closed once it is open.
class SegmentPin {
 public:
  explicit SegmentPin(Segment& segment) : segment_(&segment) { ++segment.pin_count; }
  SegmentPin(const SegmentPin&) = delete;
  SegmentPin& operator=(const SegmentPin&) = delete;
  ~SegmentPin() {
    if (--segment_->pin_count == 0) segment_->unpinned.wake_all();
  }
  Segment* operator->() const { return segment_; }
  Segment& operator*() const { return *segment_; }

 private:
  Segment* segment_;
};

}  // namespace penstock
