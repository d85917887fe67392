// How a log loses its end, its beginning, or all of it.
#include <algorithm>

#include "engine/partition.h"

namespace penstock {

// All kept is flushed, nothing is in flight. Segments beyond `segment_index` go to the pool, and a new generation
// begins at `position`: one journal write, whose every prefix is a state to go on from.
Task<Result<void>> Partition::cut_at(size_t segment_index, uint64_t position, Offset next_offset) {
  Segment& segment = *segments_[segment_index];
  const Generation generation{services_.doors.random.next()};
  std::vector<JournalRecord> records;
  for (size_t i = segments_.size() - 1; i > segment_index; --i) {
    records.push_back({.type = JournalRecordType::segment_dropped,
                       .key = key_,
                       .file_number = segments_[i]->state.file_number,
                       .written_bytes = segments_[i]->mapped_bytes});
  }
  records.push_back({.type = JournalRecordType::cut,
                     .key = key_,
                     .file_number = segment.state.file_number,
                     .position = position,
                     .generation = generation,
                     .next_offset = next_offset,
                     .time_ms = last_append_time_ms_,
                     .max_timestamp_ms = segment.max_timestamp_ms});
  // Those that lost batches by the cut, as they are now.
  for (const JournalRecord& record : producer_records(next_offset)) records.push_back(record);
  const Result<void> journaled = co_await services_.journal.append(records);
  if (!journaled.ok()) {
    writer_.fail(journaled.error());  // one copy may say that what follows is void
    co_return journaled.error();
  }

  ++cut_count_;
  services_.blocks.forget(segment.state.file_number);
  std::erase_if(epochs_,
                [&](const EpochStart& start) { return start.start_offset >= next_offset; });
  epochs_journaled_ = std::min(epochs_journaled_, epochs_.size());
  if (!epochs_.empty()) leader_epoch_ = std::max(leader_epoch_, epochs_.back().epoch);
  cut_generations(segment.state, position, generation);
  segment.state.sealed = false;
  segment.mapped_bytes = std::max(segment.mapped_bytes, position);
  if (position < segment.end_position || next_offset < segment.next_offset) {
    // Rebuilt by the next reader: a cut is rare, and the index is derived.
    segment.index = SegmentIndex(next_offset);
    segment.indexed_position = position;
    segment.indexed_offset = next_offset;
    segment.earlier_index.reset();
    segment.read_ends = {};
    segment.read_streams = {};
  }
  segment.next_offset = next_offset;
  writer_.cut(segment, position);
  sealed_count_ = std::min<uint64_t>(sealed_count_, segment_index);
  log_end_ = next_offset;
  high_watermark_ = log_end_;
  compacted_end_ = std::min(compacted_end_, log_end_);
  pending_.clear();
  acknowledged_ = pending_.end_number();
  flushed_end_ = {writer_.flushed(), log_end_};
  checkpointed_ = flushed_end_.log_position;
  widened_end_ = 0;
  std::vector<std::unique_ptr<Segment>> dropped;
  while (segments_.size() > segment_index + 1) {
    dropped.push_back(std::move(segments_.back()));
    segments_.pop_back();
  }
  start_segment_seed();
  for (const std::unique_ptr<Segment>& beyond : dropped) co_await drop_segment(*beyond);
  co_return Result<void>();
}

// Out of the list and out of the journal: waits for its readers, then the file may have another life.
Task<void> Partition::drop_segment(Segment& segment) {
  while (segment.pin_count > 0) co_await segment.unpinned.wait();
  co_await services_.doors.scheduler.yield();  // whoever unpinned it last is still on the stack
  writer_.forget_chunks(segment);
  services_.blocks.forget(segment.state.file_number);
  co_await services_.open_segments.close(segment);
  co_await services_.files.settle(segment.state.file_number);
}

Task<Result<void>> Partition::truncate_suffix(Offset offset) {
  co_await mutex_.lock();
  const Result<void> done = co_await truncate_suffix_locked(offset);
  mutex_.unlock();
  if (done.ok()) tell_watches();
  co_return done;
}

Task<Result<void>> Partition::truncate_suffix_locked(Offset offset) {
  const Result<void> open = usable();
  if (!open.ok()) co_return open.error();
  if (fenced_) co_return Error::fenced;
  if (offset >= log_end_ || segments_.empty()) co_return Result<void>();
  if (offset < log_start_) co_return Error::offset_out_of_range;
  const Result<void> drained = co_await writer_.drain();
  if (!drained.ok()) co_return drained.error();

  size_t index = segments_.size() - 1;
  while (index > 0 && segments_[index]->state.base_offset >= offset) --index;
  Segment& segment = *segments_[index];
  const SegmentPin pin(segment);
  const Result<void> opened = co_await open_file(segment);
  if (!opened.ok()) co_return opened.error();
  FrameScanner::Options options;
  options.mode = FrameScanner::Mode::headers;
  options.position = kSegmentHeaderBytes;
  options.limit = segment.end_position;
  FrameScanner scanner(services_.doors, segment.file, key_, segment.state.generations, options);
  // To the first frame that ends beyond `offset`; what it holds below goes too, as batches are kept whole.
  // From the segment's beginning, for the largest timestamp of what stays.
  uint64_t position = segment.end_position;
  Offset next_offset = offset;
  int64_t max_timestamp_ms = INT64_MIN;
  while (scanner.position() < segment.end_position) {
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok()) co_return next.error();
    if (!next.value()) co_return Error::corrupt;
    const FrameHeader& header = next.value()->header;
    if (header.kind == FrameKind::pad) continue;
    if (header.next_offset() > offset) {
      position = next.value()->position;
      // It may lie in a gap before the frame; and what is below the log start is not given out again.
      next_offset = std::max(std::min(header.base_offset, offset), log_start_);
      break;
    }
    max_timestamp_ms = std::max(max_timestamp_ms, header.max_timestamp_ms);
  }
  // The journal hears before the cut what the producers are, and takes from them what the cut takes.
  journal_producers(log_end_);
  const Result<void> known = co_await cut_producers(index, position, next_offset);
  if (!known.ok()) co_return known.error();
  segment.max_timestamp_ms = max_timestamp_ms;
  co_return co_await cut_at(index, position, next_offset);
}

// The log start and the end of the segments below it, in one journal write: durable before a byte of theirs is reused.
// Only what is flushed and sealed goes: a file never has another life while its bytes may still be on their way.
Task<Result<void>> Partition::move_log_start(Offset offset,
                                             std::vector<std::unique_ptr<Segment>>& dropped) {
  std::vector<JournalRecord> records;
  if (offset > log_start_) {
    records.push_back({.type = JournalRecordType::log_start, .key = key_, .offset = offset});
  }
  const Offset start = std::max(offset, log_start_);
  size_t count = 0;
  for (; count + 1 < segments_.size(); ++count) {
    const Segment& segment = *segments_[count];
    if (!segment.state.sealed || segment.next_offset > start) break;
    records.push_back({.type = JournalRecordType::segment_dropped,
                       .key = key_,
                       .file_number = segment.state.file_number,
                       .written_bytes = segment.mapped_bytes});
  }
  if (records.empty()) co_return Result<void>();
  const Result<void> journaled = co_await services_.journal.append(records);
  if (!journaled.ok()) co_return journaled.error();
  log_start_ = start;
  const auto end = segments_.begin() + static_cast<ptrdiff_t>(count);
  dropped.assign(std::make_move_iterator(segments_.begin()), std::make_move_iterator(end));
  segments_.erase(segments_.begin(), end);
  // At once, though readers may still have them: chunks are forgotten from the front, and a reset would not wait.
  for (const std::unique_ptr<Segment>& segment : dropped) writer_.forget_chunks(*segment);
  sealed_count_ -= std::min<uint64_t>(sealed_count_, count);
  co_return Result<void>();
}

// Appends go on while readers finish with what is gone.
Task<Result<void>> Partition::truncate_prefix(Offset offset) {
  std::vector<std::unique_ptr<Segment>> dropped;
  co_await mutex_.lock();
  Result<void> done = usable();
  if (done.ok() && offset > high_watermark_) done = Error::offset_out_of_range;
  if (done.ok()) done = co_await move_log_start(offset, dropped);
  mutex_.unlock();
  for (const std::unique_ptr<Segment>& segment : dropped) co_await drop_segment(*segment);
  co_return done;
}

// The partition forgets all its files; they are the pool's. Its log goes on at `next_offset`, if there is one.
Task<Result<void>> Partition::drop_all(std::optional<Offset> next_offset) {
  JournalRecord record;
  record.type =
      next_offset ? JournalRecordType::partition_reset : JournalRecordType::partition_removed;
  record.key = key_;
  record.offset = next_offset.value_or(Offset{});
  const Result<void> journaled = co_await services_.journal.append(record);
  if (!journaled.ok()) {
    writer_.fail(journaled.error());  // as for a cut
    co_return journaled.error();
  }
  // Before anybody else runs: there is nothing to read any more.
  ++cut_count_;
  log_start_ = log_end_ = high_watermark_ = record.offset;
  compacted_end_ = {};
  tombstones_due_ms_ = INT64_MAX;
  epochs_.clear();
  epochs_journaled_ = 0;
  sealed_count_ = 0;
  producers_.reset();
  pending_.clear();
  acknowledged_ = pending_.end_number();
  const std::vector<std::unique_ptr<Segment>> dropped = std::exchange(segments_, {});
  for (const std::unique_ptr<Segment>& segment : dropped) co_await drop_segment(*segment);
  co_return Result<void>();
}

Task<Result<void>> Partition::reset(Offset offset) {
  co_await mutex_.lock();
  Result<void> done = usable();
  if (done.ok() && fenced_) done = Error::fenced;
  if (done.ok()) done = co_await writer_.drain();
  if (done.ok()) done = co_await drop_all(offset);
  mutex_.unlock();
  if (done.ok()) tell_watches();
  co_return done;
}

}  // namespace penstock
