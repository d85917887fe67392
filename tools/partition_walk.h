// Reads every byte of one partition that the journal accounts for, and judges it as recovery and cold reads would.
//
// Recovery stops at the first thing it refuses; this goes on behind it, so that all damage is named. Reads only. A bad
// place is damage if what was there is known to have been flushed:
//   - the segment is sealed, and its end lies beyond;
//   - the journal has a checkpoint or a cut beyond it;
//   - a later frame of the segment says so, or one of a later segment knows that this one was flushed.
// Otherwise it is the torn tail of a crash, which recovery cuts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/frame_scanner.h"
#include "engine/segment_header.h"
#include "io/doors.h"
#include "tools/log_visitor.h"

namespace penstock {

class PartitionWalk {
 public:
  // All that is given by reference outlives the walk. `topic` is what findings call it.
  PartitionWalk(Doors& doors, const std::string& directory, const TopicId& directory_id,
                std::string topic, const PartitionState& state, LogVisitor& visitor);
  PartitionWalk(const PartitionWalk&) = delete;

  // Error::busy: no memory for a buffer. All else is a finding.
  Task<Result<void>> run();

 private:
  enum class Verdict : uint8_t { damage, end_of_log };

  Task<Result<bool>> walk_segment(size_t index);
  std::string mismatch(const SegmentHeader& header, const SegmentState& segment) const;
  Task<Result<bool>> check_header(size_t index, FileId file);
  Task<Result<bool>> walk_frames(size_t index, FileId file, uint64_t file_bytes);
  void take_frame(const FrameScanner::Frame& frame);
  void check_order(const FrameHeader& header, uint64_t position);
  void check_batch(const FrameScanner::Frame& frame);
  Task<Result<Verdict>> judge_stop(size_t index, FrameScanner& scanner);
  Task<Result<bool>> flushed_in_later_segment(size_t index);
  Task<Result<void>> tell_end(size_t index, FrameScanner& scanner);
  std::optional<std::string> evidence(size_t index, uint64_t position) const;
  bool gap_before_next(size_t index) const;
  void tell_cut_short(const SegmentState& segment, uint64_t file_bytes);
  std::string path_of(size_t index) const;
  void tell(Finding::Kind kind, uint64_t position, std::string reason);

  Doors& doors_;
  const std::string& directory_;
  const TopicId& directory_id_;
  std::string topic_;
  const PartitionState& state_;
  LogVisitor& visitor_;

  // Of the segment being walked.
  std::string path_;
  Offset next_offset_;
  // Of all so far.
  int64_t append_time_ms_ = 0;
  LeaderEpoch leader_epoch_;
};

}  // namespace penstock
