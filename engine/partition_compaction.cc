// What of a log is to be compacted, and when.
#include <algorithm>

#include "engine/partition.h"

namespace penstock {

// Whether all its records have been there for as long as consumers are promised to see them.
bool Partition::is_settled(size_t index, int64_t now_ms) const {
  const Segment& segment = *segments_[index];
  if (!segment.state.sealed) return false;
  if (config_.min_compaction_lag_ms <= 0) return true;
  // Where no record has a timestamp, the time of the last append: it is when the next segment was made.
  const int64_t newest_ms = segment.max_timestamp_ms >= 0 ? segment.max_timestamp_ms
                                                          : segments_[index + 1]->state.created_ms;
  return newest_ms <= now_ms - config_.min_compaction_lag_ms;
}

Partition::Cleanable Partition::cleanable(int64_t now_ms) const {
  Cleanable cleanable;
  cleanable.dirty_from = std::max(compacted_end_, log_start_);
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    const bool dirty = segment.next_offset > cleanable.dirty_from;
    if (dirty ? !is_settled(i, now_ms) : !segment.state.sealed) break;
    const uint64_t bytes = segment.end_position - kSegmentHeaderBytes;
    if (dirty && cleanable.dirty_bytes == 0) cleanable.dirty_since_ms = segment.state.created_ms;
    (dirty ? cleanable.dirty_bytes : cleanable.clean_bytes) += bytes;
    ++cleanable.segment_count;
  }
  return cleanable;
}

Partition::CompactionNeed Partition::compaction_need() const {
  CompactionNeed need;
  if (!config_.compact_policy || compaction_refused_) return need;
  if (!usable().ok() || fenced_ || segments_.size() < 2) return need;
  const int64_t now_ms = services_.doors.clock.wall_ms();
  const Cleanable there = cleanable(now_ms);
  const uint64_t bytes = there.clean_bytes + there.dirty_bytes;
  if (bytes == 0) return need;
  need.dirty_ratio = static_cast<double>(there.dirty_bytes) / static_cast<double>(bytes);
  const bool late =
      there.dirty_bytes > 0 && now_ms - there.dirty_since_ms > config_.max_compaction_lag_ms;
  need.due = (there.dirty_bytes > 0 && need.dirty_ratio > config_.min_cleanable_dirty_ratio) ||
             late || now_ms >= tombstones_due_ms_;
  return need;
}

// What compaction leaves of a segment may be longer than it was, though there are fewer records: their codec was used
// harder by the producer, or they were given a horizon. One that fills the largest file could not be replaced.
uint64_t Partition::segment_bytes_max() const {
  if (!config_.compact_policy) return config_.segment_bytes;
  const SegmentFiles& files = services_.files;
  const uint64_t largest = files.class_bytes(files.class_count() - 1);
  return std::min(config_.segment_bytes, largest - largest / 8);
}

bool Partition::idle_roll_due() const {
  if (!config_.compact_policy || !usable().ok() || fenced_) return false;
  return !segments_.empty() && roll_due();
}

Task<void> Partition::roll_if_due() {
  co_await mutex_.lock();
  if (idle_roll_due()) {
    const Result<void> drained = co_await writer_.drain();
    // Nothing more comes that would seal it; a pad frame at its end is flushed too. What fails now is due again.
    if (drained.ok()) flushed_end_ = {writer_.flushed(), log_end_};
    if (drained.ok()) (void)co_await roll(kFrameHeaderBytes);
    seal_flushed_segments();
  }
  mutex_.unlock();
}

}  // namespace penstock
