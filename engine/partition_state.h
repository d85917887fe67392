// What the journal knows of partitions: enough to find their files and to start scanning where it must.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "engine/types.h"

namespace penstock {

// From `position` on, frames of a segment carry `generation`.
struct GenerationStart {
  uint64_t position = 0;
  Generation generation;
  friend bool operator==(const GenerationStart&, const GenerationStart&) = default;
};

struct SegmentState {
  uint64_t file_number = 0;  // the file's name
  uint64_t file_bytes = 0;   // allocated
  uint64_t written_bytes =
      0;  // the file's blocks below this were written once: a flush need not map them
  Offset base_offset;
  int64_t created_ms = 0;                    // wall clock; about the append time of its first frame
  std::vector<GenerationStart> generations;  // ascending; the first is the header block's
  bool compacted = false;                    // made by compaction: offsets may be missing anywhere
  bool sealed = false;                       // flushed to its end; the next three are final
  uint64_t end_position = 0;                 // of the last frame
  Offset next_offset;                        // after the last frame
  int64_t max_timestamp_ms = INT64_MIN;
  friend bool operator==(const SegmentState&, const SegmentState&) = default;
};

struct EpochStart {
  LeaderEpoch epoch;
  Offset start_offset;
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

// All frames below are flushed.
struct Checkpoint {
  uint64_t file_number = 0;
  uint64_t position = 0;
  Offset next_offset;
  int64_t append_time_ms = 0;
  uint64_t search_bytes = 0;             // how far recovery searches beyond a stop; 0: not known
  int64_t max_timestamp_ms = INT64_MIN;  // of the segment's records so far
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

struct PartitionState {
  PartitionKey key;
  Offset log_start_offset;
  std::vector<SegmentState> segments;     // ascending base offsets; sealed ones first
  std::vector<EpochStart> epochs;         // ascending
  Checkpoint checkpoint;                  // file_number 0: none yet
  Offset compacted_end;                   // below it compaction has left one record per key
  int64_t tombstones_due_ms = INT64_MAX;  // from then on it has tombstones to drop
  friend bool operator==(const PartitionState&, const PartitionState&) = default;
};

// A file without an owner, ready for another life.
struct PoolFile {
  uint64_t file_number = 0;
  uint64_t file_bytes = 0;
  uint64_t written_bytes = 0;
  friend bool operator==(const PoolFile&, const PoolFile&) = default;
};

}  // namespace penstock
