// How compaction writes what is left of a log's segments, and puts it in their place.
#include <algorithm>
#include <iterator>

#include "engine/compaction.h"

namespace penstock {
namespace {

const SegmentState& state_of(const std::unique_ptr<Segment>& segment) { return segment->state; }

JournalRecord record_of(const PartitionKey& key, const SegmentState& state) {
  return {.type = JournalRecordType::segments_compacted,
          .key = key,
          .file_number = state.file_number,
          .file_bytes = state.file_bytes,
          .position = state.end_position,
          .offset = state.base_offset,
          .generation = state.generations.front().generation,
          .next_offset = state.next_offset,
          .time_ms = state.created_ms,
          .written_bytes = state.written_bytes,
          .max_timestamp_ms = state.max_timestamp_ms};
}

}  // namespace

uint64_t Compaction::file_bytes_max() const { return partition_.segment_bytes_max(); }

// Of the file for the sources from `first` on: what they may have left, as far as one file goes. New records are thinned
// out as their keys repeat; old ones were before.
uint64_t Compaction::estimate(size_t first) const {
  const auto records = static_cast<double>(filter_.mapped_records());
  const double left = records > 0 ? static_cast<double>(keys_.key_count()) / records : 1.0;
  double bytes = 64 << 10;
  for (size_t i = first; i < sources_.size(); ++i) {
    const auto source_bytes = static_cast<double>(sources_[i].end_position);
    bytes += sources_[i].next_offset > dirty_from_ ? source_bytes * left * 1.1 : source_bytes;
    if (bytes >= static_cast<double>(file_bytes_max())) return file_bytes_max();
  }
  return static_cast<uint64_t>(bytes);
}

// Writes as many sources as fit into one file, at least one that has offsets of its own, and puts it in their place;
// `first` moves behind them. Those without any go with the range they stand beside.
Task<Result<void>> Compaction::rewrite_run(size_t& first) {
  size_t end = first;
  while (end + 1 < sources_.size() && sources_[end].is_empty()) ++end;
  const Result<Mark> begun = co_await begin_run(first, sources_[end]);
  if (!begun.ok()) co_return begun.error();
  Mark mark = begun.value();
  const uint64_t limit = std::min(file_.file_bytes(), file_bytes_max());
  for (++end; end < sources_.size(); ++end) {
    Mark behind = mark;
    const Result<bool> fits = co_await rewrite_source(sources_[end], limit, false, behind);
    if (!fits.ok()) co_return fits.error();
    if (!fits.value()) break;
    mark = behind;
  }
  while (end < sources_.size() && sources_[end].is_empty()) ++end;
  const Result<void> finished = co_await file_.finish(mark.position);
  if (!finished.ok()) co_return finished.error();
  const Result<void> replaced = co_await replace(first, end, mark);
  if (!replaced.ok()) co_return replaced.error();
  tombstones_due_ms_ = std::min(tombstones_due_ms_, mark.tombstones_due_ms);
  figures_.removed_record_count += mark.removed_records;
  figures_.replaced_segment_count += end - first;
  first = end;
  co_return Result<void>();
}

// Opens a file for the sources from `first` on, and writes what is left of `source` to it: the first that is to be in it
// for sure.
Task<Result<Compaction::Mark>> Compaction::begin_run(size_t first, const Source& source) {
  const Offset base_offset = sources_[first].base_offset;
  Result<void> begun = co_await file_.begin(base_offset, estimate(first));
  if (!begun.ok()) co_return begun.error();
  Mark mark;
  Result<bool> fits = co_await rewrite_source(source, file_.file_bytes(), false, mark);
  if (!fits.ok()) co_return fits.error();
  if (fits.value()) co_return mark;
  // More is left of it than was thought.
  co_await file_.abandon();
  const SegmentFiles& files = services_.files;
  const uint64_t largest = files.class_bytes(files.class_count() - 1);
  const uint64_t bytes = std::min(source.end_position + source.end_position / 4, largest);
  begun = co_await file_.begin(base_offset, std::max(source.end_position, bytes));
  if (!begun.ok()) co_return begun.error();
  mark = Mark();
  fits = co_await rewrite_source(source, file_.file_bytes(), true, mark);
  if (!fits.ok()) co_return fits.error();
  if (!fits.value()) co_return Error::too_large;  // compressed anew, it takes more
  co_return mark;
}

// False: the file has no room for all of it below `limit`. With `must_fit` nothing gets longer that need not.
Task<Result<bool>> Compaction::rewrite_source(const Source& source, uint64_t limit, bool must_fit,
                                              Mark& mark) {
  std::optional<Walk> of_segment;
  const Result<void> opened = co_await open_walk(source, of_segment);
  if (!opened.ok()) co_return opened.error();
  Walk& walk = *of_segment;
  for (;;) {
    const Result<bool> more = co_await next_frame(walk);
    if (!more.ok()) co_return more.error();
    if (!more.value()) co_return true;
    Result<bool> added = true;
    if (walk.batch) {
      added = co_await rewrite_batch(walk, limit, must_fit, mark);
    } else {
      added = co_await add(walk, walk.frame.header, walk.frame.payload, limit, mark);
    }
    if (!added.ok() || !added.value()) co_return added;
  }
}

// What is left of the batch, in no more room than there is.
Result<BatchFilter::Filtered> Compaction::left_of(const Walk& walk, uint64_t limit, bool must_fit) {
  const uint64_t rest_bytes = walk.pin->end_position - walk.frame.end();
  const auto fits = [&](std::span<const std::byte> batch) {
    const uint64_t frame_bytes = FrameHeader::frame_bytes_of(batch.size());
    return batch.size() <= kMaxMessageBytesLimit &&
           (!must_fit || file_.position() + frame_bytes + rest_bytes <= limit);
  };
  using Room = BatchFilter::Room;
  Result<BatchFilter::Filtered> left = Error::too_large;
  for (const Room room : {Room::plenty, Room::little, Room::least}) {
    left = filter_.filter(*walk.batch, room);
    if (!left.ok() || fits(left.value().batch)) return left;
  }
  if (left.value().batch.size() > kMaxMessageBytesLimit) return Error::too_large;
  return left;
}

Task<Result<bool>> Compaction::rewrite_batch(const Walk& walk, uint64_t limit, bool must_fit,
                                             Mark& mark) {
  const Result<BatchFilter::Filtered> filtered = left_of(walk, limit, must_fit);
  co_await budget_.work(filter_.take_worked_bytes());
  if (!filtered.ok()) co_return unreadable(walk, filtered.error());
  const BatchFilter::Filtered& kept = filtered.value();
  mark.removed_records += walk.batch->record_count() - kept.contents.record_count;
  // What is known of its producer is in the journal: nobody looks for it here.
  if (kept.verdict == BatchFilter::Verdict::empty) co_return true;
  FrameHeader header = walk.frame.header;
  if (kept.verdict != BatchFilter::Verdict::same) {
    header.record_count = kept.contents.record_count;
    header.max_timestamp_ms = kept.contents.max_timestamp_ms;
  }
  const Result<bool> added = co_await add(walk, header, kept.batch, limit, mark);
  mark.tombstones_due_ms = std::min(mark.tombstones_due_ms, kept.tombstones_due_ms);
  co_return added;
}

Task<Result<bool>> Compaction::add(const Walk& walk, const FrameHeader& header,
                                   std::span<const std::byte> payload, uint64_t limit, Mark& mark) {
  const uint64_t frame_bytes = FrameHeader::frame_bytes_of(payload.size());
  if (file_.position() + frame_bytes > limit) co_return false;
  const Result<void> added = co_await file_.add(header, payload);
  if (!added.ok()) co_return added.error();
  figures_.written_bytes += frame_bytes;
  mark.position = file_.position();
  mark.max_timestamp_ms = std::max(mark.max_timestamp_ms, header.max_timestamp_ms);
  const Result<void> spent = co_await spend(frame_bytes, *walk.pin);
  if (!spent.ok()) co_return spent.error();
  co_return true;
}

Task<Result<void>> Compaction::replace(size_t first, size_t end, const Mark& mark) {
  std::vector<std::unique_ptr<Segment>> replaced;
  co_await partition_.mutex_.lock();
  const Result<void> done = co_await replace_locked(first, end, mark, replaced);
  partition_.mutex_.unlock();
  for (const std::unique_ptr<Segment>& segment : replaced) {
    co_await partition_.drop_segment(*segment);
  }
  co_return done;
}

// Where the sources stand in the partition now. Error::closed: not all of them are there.
Result<std::pair<size_t, size_t>> Compaction::range_of(size_t first, size_t end) const {
  if (is_over()) return Error::closed;
  const auto range = compacted_range(partition_.segments_, sources_[first].base_offset,
                                     sources_[end - 1].next_offset, state_of);
  if (range.second - range.first != end - first) return Error::closed;
  for (size_t i = first; i < end; ++i) {
    const Segment& segment = *partition_.segments_[range.first + i - first];
    if (segment.state.generations.front().generation != sources_[i].generation) {
      return Error::closed;
    }
  }
  return range;
}

// One record of the journal decides; before it is durable nothing of the old segments is given up.
Task<Result<void>> Compaction::replace_locked(size_t first, size_t end, const Mark& mark,
                                              std::vector<std::unique_ptr<Segment>>& replaced) {
  const Result<std::pair<size_t, size_t>> range = range_of(first, end);
  if (!range.ok()) co_return range.error();
  SegmentFiles::Taken taken = file_.hand_over();
  SegmentState& state = taken.state;
  state.created_ms = sources_[first].created_ms;
  state.compacted = state.sealed = true;
  state.end_position = mark.position;
  state.next_offset = sources_[end - 1].next_offset;
  state.max_timestamp_ms = mark.max_timestamp_ms;
  const JournalRecord record = record_of(partition_.key_, state);
  const Result<void> journaled = co_await services_.journal.append(record);
  if (!journaled.ok()) {
    // One copy of the journal may have the record: the file stays where it is.
    (void)co_await services_.doors.disk.close(taken.file);
    co_return journaled.error();
  }
  put_in_place(range.value(), taken, replaced);
  co_return Result<void>();
}

void Compaction::put_in_place(std::pair<size_t, size_t> range, const SegmentFiles::Taken& taken,
                              std::vector<std::unique_ptr<Segment>>& replaced) {
  const auto [from, to] = range;
  std::vector<std::unique_ptr<Segment>>& segments = partition_.segments_;
  const uint64_t file_number = taken.state.file_number;
  auto made = std::make_unique<Segment>(services_.files.path_of(file_number), taken.state);
  made->log_base = segments[to - 1]->log_end() - made->end_position;
  services_.open_segments.adopt(*made, taken.file);
  // Chunks in memory are forgotten from the front.
  for (size_t i = 0; i < to; ++i) partition_.writer_.forget_chunks(*segments[i]);
  const auto begin = segments.begin() + static_cast<ptrdiff_t>(from);
  const auto behind = segments.begin() + static_cast<ptrdiff_t>(to);
  replaced.assign(std::make_move_iterator(begin), std::make_move_iterator(behind));
  *begin = std::move(made);
  segments.erase(begin + 1, behind);
  partition_.sealed_count_ -= std::min<uint64_t>(partition_.sealed_count_, to - from - 1);
}

}  // namespace penstock
