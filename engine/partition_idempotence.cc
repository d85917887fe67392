// How a partition knows a batch that was sent again, and still knows it after a crash or a cut.
#include <algorithm>
#include <map>

#include "engine/partition.h"

namespace penstock {

// Under the mutex. The number of the frame in pending_ that the batch was, or kAcknowledged; nothing if it is new.
Result<std::optional<uint64_t>> Partition::find_duplicate(const NewFrame& frame,
                                                          AppendResult& result) {
  const Result<void> open = usable();
  if (!open.ok()) return open.error();
  if (!producers_ || frame.given_offset) return std::optional<uint64_t>();
  const Result<std::optional<ProducedBatch>> judged =
      producers_->judge(frame.producer, frame.offset_span);
  if (!judged.ok()) return judged.error();
  if (!judged.value()) return std::optional<uint64_t>();
  const ProducedBatch& batch = *judged.value();
  result.base_offset = batch.base_offset;
  result.append_time_ms = batch.append_time_ms;
  result.durability = config_.durability;
  result.duplicate = true;
  return std::optional<uint64_t>(number_of(batch));
}

uint64_t Partition::number_of(const ProducedBatch& batch) const {
  if (batch.base_offset < high_watermark_) return kAcknowledged;
  uint64_t low = acknowledged_;
  uint64_t high = pending_.end_number();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (pending_[middle].next_offset > batch.base_offset) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  check(low < pending_.end_number());  // what is neither visible nor on its way is not known either
  return low;
}

void Partition::note_produced(const NewFrame& frame, const FrameHeader& header) {
  if (!producers_) producers_ = std::make_unique<PartitionProducers>(services_.producers, key_);
  producers_->add(frame.producer, {header.base_offset, header.append_time_ms, header.offset_span});
}

void Partition::restore_producers() {
  const auto& known = services_.journal.state().producers;
  const auto found = known.find(key_);
  if (found == known.end()) return;
  producers_ = std::make_unique<PartitionProducers>(services_.producers, key_);
  producers_->restore(found->second);
}

void Partition::replay_producer(const FrameScanner::Frame& frame) {
  const std::optional<ProducerStamp> stamp = producer_stamp_of(frame.header, frame.payload);
  if (!stamp) return;
  if (!producers_) producers_ = std::make_unique<PartitionProducers>(services_.producers, key_);
  const FrameHeader& header = frame.header;
  producers_->replay(*stamp, {header.base_offset, header.append_time_ms, header.offset_span});
}

std::vector<JournalRecord> Partition::producer_records(Offset end) {
  return producers_ ? producers_->take_records(end) : std::vector<JournalRecord>();
}

void Partition::journal_producers(Offset end) {
  for (const JournalRecord& record : producer_records(end)) services_.journal.append_later(record);
}

PartitionProducers::States Partition::producers() const {
  return producers_ ? producers_->states() : PartitionProducers::States();
}

void Partition::expire_producers() {
  if (!producers_ || state_ != State::open || mutex_.locked()) return;
  producers_->expire(services_.doors.clock.wall_ms());
  if (producers_->empty()) producers_.reset();
}

// The log is about to end at `end`, which is `position` in that segment. Producers that lose all that is remembered of
// them are looked for in what stays, from its end on: rare, and never in recovery. After an error nothing has changed.
Task<Result<void>> Partition::cut_producers(size_t segment_index, uint64_t position, Offset end) {
  if (!producers_) co_return Result<void>();
  std::vector<int64_t> wanted = producers_->lost_by(end);
  std::vector<FoundBatch> found;
  for (size_t i = segment_index + 1; i-- > 0 && !wanted.empty();) {
    Segment& segment = *segments_[i];
    // A batch that is found there need not be its producer's last.
    if (segment.state.compacted) break;
    const uint64_t limit = i == segment_index ? position : segment.end_position;
    const Result<void> searched = co_await find_batches(segment, limit, end, wanted, found);
    if (!searched.ok()) co_return searched.error();
  }
  producers_->cut(end);
  for (const FoundBatch& each : found) producers_->add(each.stamp, each.batch);
  co_return Result<void>();
}

// Adds the batches of `wanted` that lie in the segment below `position`; those producers are wanted no more.
Task<Result<void>> Partition::find_batches(Segment& segment, uint64_t position, Offset end,
                                           std::vector<int64_t>& wanted,
                                           std::vector<FoundBatch>& found) {
  const SegmentPin pin(segment);
  const Result<void> opened = co_await open_file(segment);
  if (!opened.ok()) co_return opened.error();
  FrameScanner::Options options;
  options.position = kSegmentHeaderBytes;
  options.limit = position;
  FrameScanner scanner(services_.doors, segment.file, key_, segment.state.generations, options);
  const size_t found_before = found.size();
  while (scanner.position() < position) {
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok()) co_return next.error();
    if (!next.value()) co_return Error::corrupt;
    const FrameHeader& header = next.value()->header;
    const std::optional<ProducerStamp> stamp = producer_stamp_of(header, next.value()->payload);
    if (!stamp || std::ranges::find(wanted, stamp->id) == wanted.end()) continue;
    if (header.base_offset >= end) continue;
    found.push_back({*stamp, {header.base_offset, header.append_time_ms, header.offset_span}});
  }
  for (size_t i = found_before; i < found.size(); ++i) std::erase(wanted, found[i].stamp.id);
  co_return Result<void>();
}

}  // namespace penstock
