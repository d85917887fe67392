// One pass of compaction over one partition: the last record of each key is left of its sealed segments.
//
// First the keys of the segments that hold new records are put into a map, as many as there is memory for. Then all
// segments up to there are written anew without what the map says is superseded, several into one file where they fit;
// each file replaces its segments by one record of the journal, from the oldest on. Appends, reads and retention go on
// meanwhile: the partition's mutex is held only to replace. A segment that is gone by then ends the pass.
// Made by a Cleaner, which keeps the partition alive; on the partition's reactor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/batch_filter.h"
#include "engine/compacted_file.h"
#include "engine/compaction_budget.h"
#include "engine/frame_scanner.h"
#include "engine/key_map.h"
#include "engine/partition.h"

namespace penstock {

class Compaction {
 public:
  struct Options {
    uint64_t key_bytes_max = 128 << 20;  // memory for keys, 16 KiB at least; the pool may have less
  };
  Compaction(Partition& partition, PartitionServices& services, CompactionBudget& budget,
             CleanerFigures& figures, Options options);
  Compaction(const Compaction&) = delete;

  // Error::busy: no memory, or the log has changed under it; closed; disk_full, io. What was replaced by then stays so.
  // Error::corrupt: the log holds what cannot be read; the Reporter was told, and the partition is not due again.
  Task<Result<void>> run();

 private:
  // A segment as it was when the pass began.
  struct Source {
    Generation generation;
    Offset base_offset;
    Offset next_offset;
    uint64_t end_position = 0;
    int64_t created_ms = 0;

    bool is_empty() const { return base_offset == next_offset; }
  };
  // What has been written of a new file so far.
  struct Mark {
    uint64_t position = kSegmentHeaderBytes;
    int64_t max_timestamp_ms = INT64_MIN;
    int64_t tombstones_due_ms = INT64_MAX;
    uint64_t removed_records = 0;
  };
  // One segment being read, frame after frame.
  struct Walk {
    Walk(Segment& segment, const PartitionServices& services, const PartitionKey& key);

    SegmentPin pin;
    FrameScanner scanner;
    FrameScanner::Frame frame;
    std::optional<RecordBatch> batch;  // the frame's; nothing for other kinds
  };

  // Which segments, and the keys in them (compaction.cc).
  void plan();
  bool is_over() const;
  Segment* find(const Source& source) const;
  Task<Result<void>> make_map();
  Task<Result<void>> map_sources();
  Task<Result<void>> map_source(const Source& source);
  Task<Result<void>> open_walk(const Source& source, std::optional<Walk>& walk);
  Task<Result<bool>> next_frame(Walk& walk);
  Task<Result<void>> spend(uint64_t bytes, const Segment& segment);
  Error unreadable(const Walk& walk, Error error) const;
  void note_done();

  // What is left of them, in new files (compaction_rewrite.cc).
  Task<Result<void>> rewrite_run(size_t& first);
  Task<Result<Mark>> begin_run(size_t first, const Source& source);
  Task<Result<bool>> rewrite_source(const Source& source, uint64_t limit, bool must_fit,
                                    Mark& mark);
  Task<Result<bool>> rewrite_batch(const Walk& walk, uint64_t limit, bool must_fit, Mark& mark);
  Task<Result<bool>> add(const Walk& walk, const FrameHeader& header,
                         std::span<const std::byte> payload, uint64_t limit, Mark& mark);
  Result<BatchFilter::Filtered> left_of(const Walk& walk, uint64_t limit, bool must_fit);
  uint64_t estimate(size_t first) const;
  uint64_t file_bytes_max() const;
  Task<Result<void>> replace(size_t first, size_t end, const Mark& mark);
  Task<Result<void>> replace_locked(size_t first, size_t end, const Mark& mark,
                                    std::vector<std::unique_ptr<Segment>>& replaced);
  Result<std::pair<size_t, size_t>> range_of(size_t first, size_t end) const;
  void put_in_place(std::pair<size_t, size_t> range, const SegmentFiles::Taken& taken,
                    std::vector<std::unique_ptr<Segment>>& replaced);

  Partition& partition_;
  PartitionServices& services_;
  CompactionBudget& budget_;
  CleanerFigures& figures_;
  Options options_;
  uint64_t cuts_;
  int64_t now_ms_;
  std::vector<Source> sources_;
  Offset dirty_from_;
  Offset mapped_end_;
  bool map_full_ = false;
  KeyMap keys_;
  BatchFilter filter_;
  CompactedFile file_;
  int64_t tombstones_due_ms_ = INT64_MAX;
};

}  // namespace penstock
