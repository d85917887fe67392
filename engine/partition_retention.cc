// How a log loses what its topic keeps no longer.
#include <algorithm>

#include "engine/partition.h"

namespace penstock {
namespace {

// With a retention below it a partition would do nothing but change files.
constexpr int64_t kRollMsMin = 1000;

}  // namespace

// A segment that takes records for ever would never be old as a whole: it ends when its oldest record passes
// retention, so nothing is kept for more than about twice that.
bool Partition::roll_due() const {
  const Segment& active = *segments_.back();
  if (active.end_position == kSegmentHeaderBytes) return false;
  // The jitter is a segment's for life: a restart does not draw it again.
  const auto jitter_ms_max =
      static_cast<uint64_t>(std::min(config_.segment_jitter_ms, config_.segment_ms - 1));
  const uint64_t chance = active.state.generations.front().generation.value;
  int64_t age_ms_max = config_.segment_ms - static_cast<int64_t>(chance % (jitter_ms_max + 1));
  if (config_.delete_policy && config_.retention_ms >= 0) {
    age_ms_max = std::min(age_ms_max, std::max(config_.retention_ms, kRollMsMin));
  }
  if (config_.compact_policy) age_ms_max = std::min(age_ms_max, config_.max_compaction_lag_ms);
  return services_.doors.clock.wall_ms() - active.state.created_ms >= age_ms_max;
}

// `kept_bytes`: of the log from this segment on.
bool Partition::is_expired(size_t index, uint64_t kept_bytes) const {
  const Segment& segment = *segments_[index];
  const bool active = index + 1 == segments_.size();
  if (!active && !segment.state.sealed) return false;
  if (segment.next_offset <= log_start_) return true;  // a client has deleted its records
  if (!config_.delete_policy) return false;
  // Where no record has a timestamp, the time of the last append: it is when the next segment was made.
  int64_t newest_ms = segment.max_timestamp_ms;
  if (newest_ms < 0) {
    newest_ms = active ? last_append_time_ms_ : segments_[index + 1]->state.created_ms;
  }
  if (config_.retention_ms >= 0 &&
      newest_ms < services_.doors.clock.wall_ms() - config_.retention_ms) {
    return true;
  }
  const uint64_t bytes = segment.end_position - kSegmentHeaderBytes;
  return config_.retention_bytes >= 0 &&
         kept_bytes - bytes >= static_cast<uint64_t>(config_.retention_bytes);
}

// One by one: compaction leaves gaps between log positions.
uint64_t Partition::log_bytes() const {
  uint64_t bytes = 0;
  for (const auto& segment : segments_) bytes += segment->end_position - kSegmentHeaderBytes;
  return bytes;
}

// Segments at the front that may go.
size_t Partition::expired_count() const {
  uint64_t kept_bytes = 0;
  if (config_.delete_policy && config_.retention_bytes >= 0) kept_bytes = log_bytes();
  size_t count = 0;
  while (count < segments_.size() && is_expired(count, kept_bytes)) {
    kept_bytes -= std::min(kept_bytes, segments_[count]->end_position - kSegmentHeaderBytes);
    ++count;
  }
  return count;
}

bool Partition::retention_due() const {
  return state_ == State::open && !fenced_ && !segments_.empty() && expired_count() > 0;
}

Task<void> Partition::enforce_retention() {
  std::vector<std::unique_ptr<Segment>> dropped;
  co_await mutex_.lock();
  const size_t count = retention_due() ? expired_count() : 0;
  if (count > 0 && count == segments_.size()) {
    (void)co_await expire_all(dropped);
  } else if (count > 0) {
    (void)co_await move_log_start(segments_[count - 1]->next_offset, dropped);
  }
  mutex_.unlock();
  if (!dropped.empty()) tell_watches();
  for (const std::unique_ptr<Segment>& segment : dropped) co_await drop_segment(*segment);
}

// The log is empty and has no file, and goes on where it was: in its epoch, with no append time before the last one.
Task<Result<void>> Partition::expire_all(std::vector<std::unique_ptr<Segment>>& dropped) {
  const Result<void> drained = co_await writer_.drain();
  if (!drained.ok()) co_return drained.error();
  journal_producers(log_end_);  // they outlive their records
  JournalRecord record;
  record.type = JournalRecordType::partition_expired;
  record.key = key_;
  record.offset = log_end_;
  record.time_ms = last_append_time_ms_;
  if (!epochs_.empty()) record.leader_epoch = epochs_.back().epoch;
  const Result<void> journaled = co_await services_.journal.append(record);
  if (!journaled.ok()) {
    writer_.fail(journaled.error());  // one copy may say that what follows is void
    co_return journaled.error();
  }
  log_start_ = log_end_;
  compacted_end_ = {};
  tombstones_due_ms_ = INT64_MAX;
  epochs_ = {{record.leader_epoch, log_start_}};
  epochs_journaled_ = 1;
  sealed_count_ = 0;
  dropped = std::exchange(segments_, {});
  for (const std::unique_ptr<Segment>& segment : dropped) writer_.forget_chunks(*segment);
  while (preparing_next_) co_await background_.wait_empty();
  co_await put_next_back();
  co_return Result<void>();
}

}  // namespace penstock
