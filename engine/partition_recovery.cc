// How a partition finds its log's end after a crash, or after a clean stop: it is the same path.
#include <fmt/format.h>

#include <algorithm>

#include "engine/file_io.h"
#include "engine/partition.h"

namespace penstock {
// What the walk over the unproved tail has found so far.
struct Partition::Scan {
  size_t first_segment = 0;  // where it began
  size_t last_segment = 0;   // the last one kept
  uint64_t position = 0;     // in it: the log's end
  Offset next_offset;
  uint64_t frame_count = 0;
  uint64_t search_bytes = 0;     // how far beyond a stop to search
  uint64_t failures_before = 0;  // of flushes, when it began
};

Error Partition::note_damage(const Segment& segment, uint64_t position, std::string reason) {
  damage_ = Damage{segment.path, key_, position, segment.next_offset, std::move(reason)};
  services_.doors.reporter.report(
      Severity::error,
      fmt::format("partition {} is refused: {} at byte {} after offset {}: {}", to_string(key_),
                  damage_->path, position, segment.next_offset.value, damage_->reason));
  return Error::corrupt;
}

Task<Result<void>> Partition::open() {
  co_await mutex_.lock();
  check(state_ == State::closed);
  Result<void> opened = co_await open_segments();
  restore_producers();
  Scan scan;
  scan.failures_before = services_.failures.failure_count();
  if (opened.ok() && !segments_.empty()) {
    opened = co_await scan_segments(scan);
    if (opened.ok()) opened = co_await settle(scan);
  } else if (opened.ok()) {
    log_end_ = high_watermark_ = log_start_;
  }
  for (auto& segment : segments_) services_.open_segments.release(*segment);
  state_ = opened.ok() ? State::open : State::refused;
  if (!opened.ok()) {
    refusal_ = opened.error();
    if (!damage_) {
      services_.doors.reporter.report(
          Severity::error, fmt::format("partition {} cannot be opened: {}", to_string(key_),
                                       name_of(opened.error())));
    }
  }
  mutex_.unlock();
  co_return opened;
}

Task<Result<void>> Partition::inspect() {
  co_await mutex_.lock();
  check(state_ == State::closed);
  Result<void> seen = co_await open_segments();
  Scan scan;
  if (seen.ok() && !segments_.empty()) seen = co_await scan_segments(scan);
  for (size_t i = 0; seen.ok() && i < segments_.size(); ++i) {
    seen = co_await check_frames(*segments_[i]);
  }
  co_await close_segments();
  mutex_.unlock();
  co_return seen;
}

// All of a segment's frames, also those below a checkpoint.
Task<Result<void>> Partition::check_frames(Segment& segment) {
  const SegmentPin pin(segment);
  const Result<void> opened = co_await open_or_note_damage(segment);
  if (!opened.ok()) co_return opened.error();
  FrameScanner::Options options;
  options.position = kSegmentHeaderBytes;
  options.limit = segment.end_position;
  FrameScanner scanner(services_.doors, segment.file, key_, segment.state.generations, options);
  while (scanner.position() < options.limit) {
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok()) co_return next.error();
    if (next.value()) continue;
    co_return note_damage(segment, scanner.position(),
                          "a frame that was flushed fails its checksum");
  }
  co_return Result<void>();
}

// A sealed segment is flushed to an end that the journal knows: it is opened at its first use, so that a start costs
// what may have been torn, and not what there is. The last one is where the log goes on.
Task<Result<void>> Partition::open_segments() {
  for (auto& segment : segments_) {
    if (segment->state.sealed && segment != segments_.back()) continue;
    services_.open_segments.hold(*segment);
    const Result<void> opened = co_await open_or_note_damage(*segment);
    if (!opened.ok()) co_return opened.error();
  }
  co_return Result<void>();
}

// A file of another partition or of another life is not ours to touch.
Task<Result<void>> Partition::open_or_note_damage(Segment& segment) {
  std::string reason;
  const Result<void> opened = co_await services_.open_segments.open(segment, key_, reason);
  if (!opened.ok() && !reason.empty()) co_return note_damage(segment, 0, std::move(reason));
  co_return opened;
}

// Everything before the checkpoint, and every sealed segment, is known to have been flushed. Where a segment ends that
// is not sealed, only its frames tell, also before the checkpoint's.
Task<Result<void>> Partition::scan_segments(Scan& scan) {
  for (size_t i = 0; i < segments_.size(); ++i) {
    const uint64_t log_position = i > 0 ? segments_[i - 1]->log_end() : kLogPositionFirst;
    segments_[i]->log_base = log_position - kSegmentHeaderBytes;
    if (segments_[i]->state.sealed && scan.first_segment == i) scan.first_segment = i + 1;
  }
  scan.first_segment = std::min(scan.first_segment, segments_.size() - 1);
  last_append_time_ms_ = checkpoint_.append_time_ms;
  search_bytes_ = checkpoint_.search_bytes == 0
                      ? kSearchBytesUnknown
                      : std::max(kSearchBytesMin, checkpoint_.search_bytes);
  scan.search_bytes = search_bytes_;
  for (size_t i = scan.first_segment; i < segments_.size(); ++i) {
    Segment& segment = *segments_[i];
    if (i > 0) segment.log_base = segments_[i - 1]->log_end() - kSegmentHeaderBytes;
    scan.last_segment = i;
    scan.position = segment.end_position;
    scan.next_offset = segment.next_offset;
    if (segment.state.file_number == checkpoint_.file_number &&
        checkpoint_.position >= segment.end_position) {
      scan.position = checkpoint_.position;
      scan.next_offset = checkpoint_.next_offset;
      segment.end_position = segment.indexed_position = checkpoint_.position;
      segment.next_offset = segment.indexed_offset = checkpoint_.next_offset;
      segment.index = SegmentIndex(checkpoint_.next_offset);
      segment.max_timestamp_ms = checkpoint_.max_timestamp_ms;
    }
    const Result<void> scanned = co_await scan_segment(segment, scan);
    if (!scanned.ok()) co_return scanned.error();
    const bool last = i + 1 == segments_.size();
    if (last || segments_[i + 1]->state.base_offset != segment.next_offset) break;
  }
  co_return Result<void>();
}

Task<Result<void>> Partition::scan_segment(Segment& segment, Scan& scan) {
  FrameScanner::Options options;
  options.position = segment.end_position;
  options.limit = segment.state.file_bytes;
  // So much is read in any case, behind the last frame if there is none here.
  options.first_window_bytes = scan.search_bytes;
  FrameScanner scanner(services_.doors, segment.file, key_, segment.state.generations, options);
  for (;;) {
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok()) {
      if (next.error() == Error::busy) co_return Error::busy;
      co_return note_damage(segment, scanner.position(), "cannot be read");
    }
    if (!next.value()) break;
    const FrameScanner::Frame& frame = *next.value();
    const FrameHeader& header = frame.header;
    if (header.kind != FrameKind::index) {
      if (header.base_offset < segment.next_offset) {
        co_return note_damage(segment, frame.position, "offsets go backwards");
      }
      if (header.kind != FrameKind::pad) {
        segment.index.add(header, frame.position);
        segment.next_offset = header.next_offset();
        segment.max_timestamp_ms = std::max(segment.max_timestamp_ms, header.max_timestamp_ms);
        if (epochs_.empty() || epochs_.back().epoch < header.leader_epoch) {
          epochs_.push_back({header.leader_epoch, header.base_offset});
        }
        replay_producer(frame);
      }
    }
    segment.end_position = frame.end();
    segment.note_frame(header.frame_bytes(), frame.position - header.flushed_position);
    last_append_time_ms_ = std::max(last_append_time_ms_, header.append_time_ms);
    ++scan.frame_count;
    scan.position = frame.end();
    scan.next_offset = segment.next_offset;
    scan.search_bytes = std::max(scan.search_bytes, segment.search_bytes);
  }
  co_return co_await judge_stop(scan.last_segment, scanner, scan);
}

// A torn tail is cut; damage below what was flushed never is. What proves that more was flushed is a later frame that
// says so: in this segment, or in the next ones, whose frames know whether the segments before them were whole.
Task<Result<void>> Partition::judge_stop(size_t index, FrameScanner& scanner, const Scan& scan) {
  Segment& segment = *segments_[index];
  const bool last = index + 1 == segments_.size();
  if (!last && segments_[index + 1]->state.base_offset == segment.next_offset) {
    co_return Result<void>();
  }
  for (size_t i = index + 1; i < segments_.size(); ++i) {
    if (segments_[i]->state.sealed || segments_[i]->state.file_number == checkpoint_.file_number) {
      co_return note_damage(segment, scanner.position(),
                            "flushed frames are missing before those of a flushed segment");
    }
  }
  const Result<bool> flushed = co_await scanner.flushed_beyond(scan.search_bytes);
  if (!flushed.ok()) co_return flushed.error();
  if (flushed.value()) {
    co_return note_damage(segment, scanner.position(),
                          "a frame that was flushed fails its checksum");
  }
  for (size_t i = index + 1; i < segments_.size(); ++i) {
    Segment& later = *segments_[i];
    FrameScanner::Options options;
    options.mode = FrameScanner::Mode::headers;
    options.position = kSegmentHeaderBytes;
    options.limit = later.state.file_bytes;
    FrameScanner walker(services_.doors, later.file, key_, later.state.generations, options);
    for (;;) {
      const Result<std::optional<FrameScanner::Frame>> next = co_await walker.next();
      if (!next.ok()) co_return next.error();
      if (!next.value()) break;
      if (next.value()->header.flushed_position == 0) continue;
      co_return note_damage(segment, scanner.position(),
                            "flushed frames are missing before those of the next segment");
    }
  }
  co_return Result<void>();
}

// Flushes what is kept; then, in one journal write, drops the segments beyond it and gives what follows a new
// generation. From here on nothing that was cut can come back.
Task<Result<void>> Partition::settle(const Scan& scan) {
  if (scan.frame_count > 0) {
    DiskBatch flushes(services_.doors.disk);
    for (size_t i = scan.first_segment; i <= scan.last_segment; ++i) {
      flushes.add({.operation = DiskOperation::flush, .file = segments_[i]->file});
    }
    const Result<void> flushed = co_await flushes;
    if (!flushed.ok()) services_.failures.flush_failed(flushed.error());
    if (!flushed.ok()) co_return flushed.error();
    // What was read may have gone with another partition's flush that failed, and this one would not say so.
    if (services_.failures.failure_count() != scan.failures_before) co_return Error::io;
  }
  for (size_t i = scan.first_segment; i < scan.last_segment; ++i) {
    Segment& whole = *segments_[i];
    whole.mapped_bytes = std::max(whole.mapped_bytes, whole.end_position);
    seal(whole);
  }
  // Offsets that a reader may have seen are not given out again, even where the topic's durability lost their records.
  const Offset next_offset = std::max(scan.next_offset, log_start_);
  journal_producers(next_offset);  // before the cut: it is where the next recovery begins
  const Result<void> cut = co_await cut_at(scan.last_segment, scan.position, next_offset);
  if (!cut.ok()) co_return cut.error();
  high_watermark_ = log_end_;
  active_since_ns_ = services_.doors.clock.monotonic_ns();
  co_return Result<void>();
}

}  // namespace penstock
