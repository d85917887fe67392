#include "engine/partition.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/flush_stream.h"
#include "engine/record_batch.h"
#include "engine/write_queue.h"

namespace penstock {
namespace {

constexpr uint64_t kGrowFillNs =
    30'000'000'000;  // filled faster than this: the next segment is larger
constexpr uint64_t kShrinkFillNs = 600'000'000'000;  // slower than this: smaller
constexpr int64_t kKeepPreparedMs = 5'000;
constexpr uint64_t kFrameBytesMax = BufferPool::kBlockBytesMax - 2 * kDiskBlockBytes;

}  // namespace

// Waits for one frame's acknowledgement; linked into its PendingFrame.
class Partition::AppendWait : public WakeQueue::Waiter {
 public:
  AppendWait(Partition& partition, uint64_t number) : partition_(partition), number_(number) {}
  AppendWait(const AppendWait&) = delete;
  AppendWait& operator=(const AppendWait&) = delete;

  bool await_ready() {
    if (number_ < partition_.acknowledged_) return true;
    if (partition_.fenced_) outcome_ = *partition_.fenced_;
    return partition_.fenced_.has_value();
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    handle = waiter;
    AppendWait*& first = partition_.pending_[number_].waiter;
    if (first == nullptr) {
      first = this;
    } else {  // its batch was sent again, meanwhile
      also_ = std::exchange(first->also_, this);
    }
  }
  Result<void> await_resume() const { return outcome_; }

  // Of it and all that wait with it.
  static void end_all(AppendWait* first, Result<void> outcome) {
    for (AppendWait* next = first; next != nullptr; next = next->also_) {
      next->outcome_ = outcome;
      next->partition_.services_.wakes.push(*next);
    }
  }

 private:
  Partition& partition_;
  uint64_t number_;
  AppendWait* also_ = nullptr;  // waits for the same frame
  Result<void> outcome_;
};

Partition::Partition(PartitionServices& services, const PartitionState& state, TopicConfig config)
    : services_(services),
      key_(state.key),
      checkpoint_(state.checkpoint),
      config_(std::move(config)),
      writer_(services.doors, services.queue, services.flushes, *this),
      log_start_(state.log_start_offset),
      epochs_(state.epochs),
      epochs_journaled_(state.epochs.size()),
      last_append_time_ms_(state.checkpoint.append_time_ms),
      compacted_end_(state.compacted_end),
      tombstones_due_ms_(state.tombstones_due_ms) {
  for (const SegmentState& segment : state.segments) {
    segments_.push_back(
        std::make_unique<Segment>(services.files.path_of(segment.file_number), segment));
  }
  if (!epochs_.empty()) leader_epoch_ = epochs_.back().epoch;
}

Partition::~Partition() { check(state_ == State::closed); }

Result<void> Partition::usable() const {
  if (state_ == State::refused) return refusal_;
  if (state_ != State::open) return Error::closed;
  return {};
}

PartitionOffsets Partition::offsets() const {
  LeaderEpoch log_start_epoch = leader_epoch_;
  for (size_t i = epochs_.size(); i-- > 0;) {
    if (epochs_[i].start_offset > log_start_ && i > 0) continue;
    log_start_epoch = epochs_[i].epoch;
    break;
  }
  return {log_start_, high_watermark_, log_end_, leader_epoch_, log_start_epoch};
}

Task<Result<AppendResult>> Partition::append(const NewFrame& frame) {
  co_await mutex_.lock();
  AppendResult result;
  const Result<uint64_t> placed = co_await place(frame, result);
  mutex_.unlock();
  if (!placed.ok()) co_return placed.error();
  co_return co_await acknowledged(placed.value(), result);
}

Task<Result<AppendResult>> Partition::acknowledged(uint64_t number, AppendResult& result) {
  if (number != kAcknowledged) {
    AppendWait wait(*this, number);
    const Result<void> kept = co_await wait;
    if (!kept.ok()) co_return kept.error();
  }
  result.log_start = log_start_;
  result.durability =
      std::max(result.durability, config_.durability);  // it may ask for less by now
  ++appended_.append_count;
  appended_.record_count += result.record_count;
  appended_.bytes += result.payload_bytes;
  co_return result;
}

// Under the mutex: makes room, then places in one go. The value is the frame's number in pending_, or that of the frame
// it is a duplicate of.
Task<Result<uint64_t>> Partition::place(const NewFrame& frame, AppendResult& result) {
  const uint64_t frame_bytes = FrameHeader::frame_bytes_of(frame.payload.size());
  const Result<void> fits = may_append(frame);
  if (!fits.ok()) co_return fits.error();
  if (frame.producer.id >= 0) {
    const Result<std::optional<uint64_t>> before = find_duplicate(frame, result);
    if (!before.ok()) co_return before.error();
    if (before.value()) co_return *before.value();
  }
  const Result<bool> linked = co_await settle_payload(frame, frame_bytes);
  if (!linked.ok()) co_return linked.error();
  if (fenced_) co_return Error::fenced;
  if (linked.value()) services_.placed.linked_bytes += frame.payload.size();
  FrameHeader header = begin_frame(frame);
  const bool hashed_in_copy = !linked.value() && frame.kind != FrameKind::kafka_batch;
  if (!linked.value()) {
    header.payload_checksum =
        writer_.copy_payload(*segments_.back(), frame.payload, hashed_in_copy);
  }
  if (!hashed_in_copy) {
    header.payload_checksum = frame_payload_checksum(header.flags, frame.payload);
  }
  co_return end_frame(header, result);
}

// Makes room in the last segment, and in memory; or makes the payload's own memory the log's, and answers true.
Task<Result<bool>> Partition::settle_payload(const NewFrame& frame, uint64_t frame_bytes) {
  const bool in_place = frame.memory != nullptr && writer_.may_link(frame.payload, *frame.memory);
  const Result<void> room = co_await make_room(frame_bytes, in_place ? 2 * kDiskBlockBytes : 0);
  if (!room.ok()) co_return room.error();
  Segment& segment = *segments_.back();
  if (in_place) {
    const Result<void> linked = co_await writer_.link(segment, frame.payload, *frame.memory);
    if (!linked.ok()) co_return linked.error();
    co_return true;
  }
  if (!writer_.ready(segment, frame_bytes)) {
    const Result<void> ready = co_await writer_.prepare(segment, frame_bytes);
    if (!ready.ok()) co_return ready.error();
  }
  co_return false;
}

Result<void> Partition::may_append(const NewFrame& frame) const {
  if (frame.given_offset && *frame.given_offset < log_end_) return Error::invalid_argument;
  if (frame.given_epoch && *frame.given_epoch < leader_epoch_) return Error::fenced;
  return {};
}

// The last segment has room for a frame behind a pad when this is done, or a new one is the last; its file is open.
Task<Result<void>> Partition::make_room(uint64_t frame_bytes, uint64_t pad_bytes) {
  const Result<void> open = usable();
  if (!open.ok()) co_return open.error();
  if (fenced_) co_return Error::fenced;
  if (frame_bytes > kFrameBytesMax) co_return Error::too_large;
  const uint64_t end =
      segments_.empty() ? 0 : segments_.back()->end_position + pad_bytes + frame_bytes;
  const bool full =
      segments_.empty() || end > segments_.back()->state.file_bytes || roll_due() ||
      (end > segment_bytes_max() && segments_.back()->end_position > kSegmentHeaderBytes);
  if (full) co_return co_await roll(frame_bytes);
  if (!segments_.back()->writing) co_return co_await open_for_writing(*segments_.back());
  co_return Result<void>();
}

Task<Result<FrameReservation>> Partition::reserve(size_t payload_bytes) {
  co_await mutex_.lock();
  const Result<void> room = co_await make_room(FrameHeader::frame_bytes_of(payload_bytes));
  Result<std::span<std::byte>> reserved = Error::fenced;
  if (room.ok()) reserved = co_await writer_.reserve(*segments_.back(), payload_bytes);
  if (!room.ok() || !reserved.ok()) {
    mutex_.unlock();
    co_return room.ok() ? reserved.error() : room.error();
  }
  FrameReservation reservation;
  reservation.partition_ = this;
  reservation.payload_ = reserved.value();
  co_return reservation;
}

void Partition::abandon(FrameReservation& reservation) {
  reservation.partition_ = nullptr;
  writer_.release();
  mutex_.unlock();
}

Task<Result<AppendResult>> Partition::commit(FrameReservation& reservation, NewFrame frame) {
  check(reservation.partition_ == this);
  frame.payload = reservation.payload_;
  const Result<void> fits = may_append(frame);
  if (!fits.ok() || fenced_) {
    abandon(reservation);
    co_return fits.ok() ? Error::fenced : fits.error();
  }
  AppendResult result;
  if (frame.producer.id >= 0) {
    const Result<std::optional<uint64_t>> before = find_duplicate(frame, result);
    if (!before.ok() || before.value()) {
      abandon(reservation);
      if (!before.ok()) co_return before.error();
      co_return co_await acknowledged(*before.value(), result);
    }
  }
  FrameHeader header = begin_frame(frame);
  header.payload_checksum = frame_payload_checksum(header.flags, frame.payload);
  const uint64_t number = end_frame(header, result);
  reservation.partition_ = nullptr;
  mutex_.unlock();
  co_return co_await acknowledged(number, result);
}

// The header of the next frame but for its checksum; from here to end_frame() nothing else runs.
FrameHeader Partition::begin_frame(const NewFrame& frame) {
  if (frame.given_epoch) leader_epoch_ = *frame.given_epoch;
  last_append_time_ms_ = std::max(last_append_time_ms_, services_.doors.clock.wall_ms());
  FrameHeader header = log_pad_header();
  header.kind = frame.kind;
  header.payload_bytes = static_cast<uint32_t>(frame.payload.size());
  header.record_count = frame.record_count;
  header.base_offset = frame.given_offset.value_or(log_end_);
  header.offset_span = frame.offset_span;
  header.max_timestamp_ms = frame.max_timestamp_ms;
  if (frame.kind == FrameKind::kafka_batch) stamp_batch(frame, header);
  if (frame.producer.id >= 0) note_produced(frame, header);
  return header;
}

// The payload lies where it belongs: the frame becomes part of the log.
uint64_t Partition::end_frame(const FrameHeader& header, AppendResult& result) {
  Segment& segment = *segments_.back();
  if (epochs_.empty() || epochs_.back().epoch < leader_epoch_) {
    epochs_.push_back({leader_epoch_, header.base_offset});
  }
  std::byte encoded[kFrameHeaderBytes];
  encode_frame_header(header, frame_seed(active_seed_, segment.end_position), encoded);
  segment.index.add(header, segment.end_position);
  segment.next_offset = header.next_offset();
  segment.max_timestamp_ms = std::max(segment.max_timestamp_ms, header.max_timestamp_ms);
  segment.note_frame(header.frame_bytes(), writer_.placed() - writer_.flushed());
  writer_.place(segment, encoded, header.payload_bytes);
  services_.placed.bytes += header.payload_bytes;
  if (widened_end_ == 0 && segment.search_bytes > search_bytes_ / 2 * 3) {
    widened_end_ = writer_.placed();
  }
  log_end_ = header.next_offset();
  pending_.push_back({writer_.placed(), log_end_, nullptr});
  const uint64_t number = pending_.end_number() - 1;

  result.base_offset = header.base_offset;
  result.append_time_ms = last_append_time_ms_;
  result.durability = config_.durability;
  result.record_count = header.record_count;
  result.payload_bytes = header.payload_bytes;
  prepare_next_if_due();
  if (config_.durability == Durability::buffered) log_progressed();
  return number;
}

// What the broker sets in a producer's batch; all of it but LogAppendTime lies outside the batch's own CRC.
void Partition::stamp_batch(const NewFrame& frame, FrameHeader& header) {
  header.flags = kFrameFlagKafkaChecksum;
  RecordBatch::set_base_offset(frame.payload, header.base_offset);
  RecordBatch::set_leader_epoch(frame.payload, leader_epoch_.value);
  if (config_.log_append_time) {
    header.max_timestamp_ms = last_append_time_ms_;
    RecordBatch::set_log_append_time(frame.payload, last_append_time_ms_);
  }
}

FrameHeader Partition::log_pad_header() {
  const Segment& segment = *segments_.back();
  FrameHeader header;
  header.kind = FrameKind::pad;
  header.base_offset = log_end_;
  header.leader_epoch = leader_epoch_;
  header.max_timestamp_ms = -1;
  header.append_time_ms = last_append_time_ms_;
  const bool reached = writer_.flushed() >= segment.log_position(kSegmentHeaderBytes);
  header.flushed_position = reached ? writer_.flushed() - segment.log_base : 0;
  return header;
}

void Partition::start_segment_seed() {
  const Segment& segment = *segments_.back();
  active_seed_ = segment_seed(key_, segment.state.generations.back().generation);
}

size_t Partition::next_size_class() const {
  if (segments_.empty()) return 0;
  const SegmentFiles& files = services_.files;
  size_t size_class = 0;
  while (size_class + 1 < files.class_count() &&
         files.class_bytes(size_class) < segments_.back()->state.file_bytes) {
    ++size_class;
  }
  // Rolled for its age: a smaller one would have done.
  const bool filled = segments_.back()->end_position > segments_.back()->state.file_bytes / 2;
  if (!filled) return size_class > 0 ? size_class - 1 : 0;
  const uint64_t filled_in_ns = services_.doors.clock.monotonic_ns() - active_since_ns_;
  // No larger than all there is: so what is allocated stays below twice the log.
  uint64_t allocated_bytes = 0;
  for (const auto& segment : segments_) allocated_bytes += segment->state.file_bytes;
  const bool fits = size_class + 1 < files.class_count() &&
                    files.class_bytes(size_class + 1) <= config_.segment_bytes &&
                    files.class_bytes(size_class + 1) <= allocated_bytes;
  if (filled_in_ns < kGrowFillNs && fits) return size_class + 1;
  if (filled_in_ns > kShrinkFillNs && size_class > 0) return size_class - 1;
  return size_class;
}

// Where a partition writes, the file of its next segment is made ready before this one is full.
void Partition::prepare_next_if_due() {
  const Segment& segment = *segments_.back();
  if (next_file_ != nullptr || preparing_next_) return;
  if (segment.end_position < segment.state.file_bytes / 4 * 3) return;
  const uint64_t now_ns = services_.doors.clock.monotonic_ns();
  if (now_ns - active_since_ns_ > kGrowFillNs) return;
  const size_t size_class = next_size_class();
  if (!services_.files.may_prepare_ahead(size_class)) return;
  preparing_next_ = true;
  background_.spawn(prepare_next(size_class));
}

// A failure is told by roll(), which tries again.
Task<void> Partition::prepare_next(size_t size_class) {
  const Result<SegmentFiles::Prepared> prepared =
      co_await services_.files.prepare_ahead(size_class);
  preparing_next_ = false;
  if (prepared.ok()) next_file_ = std::make_unique<SegmentFiles::Prepared>(prepared.value());
}

Task<void> Partition::put_next_back() {
  const std::unique_ptr<SegmentFiles::Prepared> unused = std::move(next_file_);
  if (unused) co_await services_.files.put_back(*unused);
}

Task<Result<SegmentFiles::Prepared>> Partition::next_file(uint64_t bytes_min) {
  while (preparing_next_) co_await background_.wait_empty();
  if (next_file_ && next_file_->file_bytes < bytes_min) co_await put_next_back();
  if (next_file_) {
    const SegmentFiles::Prepared prepared = *next_file_;
    next_file_.reset();
    co_return prepared;
  }
  co_return co_await services_.files.prepare(next_size_class(), bytes_min);
}

// The old segment's last bytes may still be on their way: it is sealed in the journal when they are flushed.
Task<Result<void>> Partition::roll(uint64_t frame_bytes) {
  SegmentFiles& files = services_.files;
  const Result<SegmentFiles::Prepared> prepared =
      co_await next_file(kSegmentHeaderBytes + frame_bytes);
  if (!prepared.ok()) co_return prepared.error();
  Result<SegmentFiles::Taken> taken = co_await files.take(key_, log_end_, prepared.value());
  if (!taken.ok()) co_return taken.error();
  SegmentState& state = taken.value().state;
  state.created_ms = services_.doors.clock.wall_ms();
  JournalRecord record;
  record.type = JournalRecordType::segment_added;
  record.key = key_;
  record.file_number = state.file_number;
  record.file_bytes = state.file_bytes;
  record.written_bytes = state.written_bytes;
  record.offset = state.base_offset;
  record.generation = state.generations.front().generation;
  record.time_ms = state.created_ms;
  const Result<void> journaled = co_await services_.journal.append(record);
  if (!journaled.ok()) {
    // One copy of the journal may have the record: the file stays where it is.
    (void)co_await services_.doors.disk.close(taken.value().file);
    co_return journaled.error();
  }
  auto segment = std::make_unique<Segment>(files.path_of(state.file_number), state);
  services_.open_segments.hold(*segment);
  services_.open_segments.adopt(*segment, taken.value().file);
  const uint64_t log_position = segments_.empty() ? writer_.placed() : segments_.back()->log_end();
  segment->log_base = log_position - kSegmentHeaderBytes;
  const bool first = segments_.empty();
  segments_.push_back(std::move(segment));
  if (first) {
    writer_.start_at(*segments_.back());
    flushed_end_ = {writer_.flushed(), log_end_};
    checkpointed_ = writer_.flushed();
    search_bytes_ = kSearchBytesUnknown;
    widened_end_ = 0;
  }
  writer_.move_to(*segments_.back());
  active_since_ns_ = services_.doors.clock.monotonic_ns();
  start_segment_seed();
  co_return Result<void>();
}

bool Partition::wants_flush_now() const {
  return config_.durability == Durability::flushed || state_ == State::closing;
}

uint64_t Partition::visible_log_position() const {
  switch (config_.durability) {
    case Durability::flushed: return writer_.flushed();
    case Durability::written: return writer_.written();
    case Durability::buffered: return writer_.placed();
  }
  return writer_.flushed();
}

// The one place where watermarks move.
void Partition::log_progressed() {
  if (fenced_) return;
  const uint64_t visible = visible_log_position();
  const Offset before = high_watermark_;
  while (acknowledged_ < pending_.end_number() && pending_[acknowledged_].log_end <= visible) {
    PendingFrame& frame = pending_[acknowledged_];
    high_watermark_ = frame.next_offset;
    AppendWait::end_all(std::exchange(frame.waiter, nullptr), {});
    ++acknowledged_;
  }
  while (pending_.first_number() < acknowledged_ && pending_.front().log_end <= writer_.flushed()) {
    const PendingFrame frame = pending_.pop_front();
    flushed_end_ = {frame.log_end, frame.next_offset};
  }
  seal_flushed_segments();
  const bool widened = widened_end_ != 0 && flushed_end_.log_position >= widened_end_;
  if (widened || flushed_end_.log_position - checkpointed_ >= services_.checkpoint_bytes) {
    checkpoint();
  }
  if (high_watermark_ != before) watches_.tell_growth(visible);
}

void Partition::log_failed(Error error) {
  if (fenced_) return;
  fenced_ = error;
  services_.doors.reporter.report(
      Severity::error,
      fmt::format("partition {} takes no more writes: {}", to_string(key_), name_of(error)));
  for (uint64_t number = acknowledged_; number < pending_.end_number(); ++number) {
    AppendWait::end_all(std::exchange(pending_[number].waiter, nullptr), error);
  }
}

void Partition::seal_flushed_segments() {
  while (sealed_count_ + 1 < segments_.size()) {
    Segment& segment = *segments_[sealed_count_];
    if (segment.log_end() > flushed_end_.log_position) return;
    if (!segment.state.sealed) seal(segment);
    ++sealed_count_;
  }
}

// All of it is flushed, and the journal hears of that before it hears of a checkpoint in a later segment.
void Partition::seal(Segment& segment) {
  journal_producers(segment.next_offset);  // recovery will not look at its frames
  services_.open_segments.release(segment);
  segment.state.sealed = true;
  segment.state.end_position = segment.end_position;
  segment.state.next_offset = segment.next_offset;
  segment.state.max_timestamp_ms = segment.max_timestamp_ms;
  segment.state.written_bytes = segment.mapped_bytes;
  JournalRecord record;
  record.type = JournalRecordType::segment_sealed;
  record.key = key_;
  record.file_number = segment.state.file_number;
  record.position = segment.end_position;
  record.next_offset = segment.next_offset;
  record.written_bytes = segment.mapped_bytes;
  record.max_timestamp_ms = segment.max_timestamp_ms;
  services_.journal.append_later(record);
}

void Partition::checkpoint() {
  const auto holds = [&](const std::unique_ptr<Segment>& segment) {
    return segment->log_position(kSegmentHeaderBytes) <= flushed_end_.log_position &&
           flushed_end_.log_position <= segment->log_end();
  };
  // The last that holds it: a segment's end is the next one's beginning.
  const auto found = std::find_if(segments_.rbegin(), segments_.rend(), holds);
  check(found != segments_.rend());
  const Segment& segment = **found;
  for (; epochs_journaled_ < epochs_.size(); ++epochs_journaled_) {
    const EpochStart& start = epochs_[epochs_journaled_];
    if (start.start_offset >= flushed_end_.next_offset) break;
    JournalRecord record;
    record.type = JournalRecordType::epoch;
    record.key = key_;
    record.leader_epoch = start.epoch;
    record.offset = start.start_offset;
    services_.journal.append_later(record);
  }
  journal_producers(flushed_end_.next_offset);
  // Also of the segment before: its last frames may be unflushed when this one is entered.
  search_bytes_ = std::max(kSearchBytesMin, segment.search_bytes);
  if (found + 1 != segments_.rend()) {
    search_bytes_ = std::max(search_bytes_, found[1]->search_bytes);
  }
  widened_end_ = 0;
  JournalRecord record;
  record.type = JournalRecordType::checkpoint;
  record.key = key_;
  record.file_number = segment.state.file_number;
  record.position = flushed_end_.log_position - segment.log_base;
  record.next_offset = flushed_end_.next_offset;
  record.time_ms = last_append_time_ms_;
  record.file_bytes = search_bytes_;
  record.max_timestamp_ms = segment.max_timestamp_ms;
  services_.journal.append_later(record);
  checkpointed_ = flushed_end_.log_position;
}

void Partition::checkpoint_if_idle() {
  if (state_ != State::open || fenced_ || segments_.empty() || !writer_.idle()) return;
  if (mutex_.locked()) return;  // the journal may know already that segments are gone
  const int64_t idle_ms = services_.doors.clock.wall_ms() - last_append_time_ms_;
  if (next_file_ && idle_ms > kKeepPreparedMs) background_.spawn(put_next_back());
  if (flushed_end_.log_position > checkpointed_) checkpoint();
  services_.open_segments.release(*segments_.back());
}

// It was idle, and its file may have been closed.
Task<Result<void>> Partition::open_for_writing(Segment& segment) {
  services_.open_segments.hold(segment);
  const Result<void> opened = co_await open_file(segment);
  if (!opened.ok()) services_.open_segments.release(segment);
  co_return opened;
}

std::optional<EpochEnd> Partition::end_offset_for_epoch(LeaderEpoch epoch) const {
  if (epoch < LeaderEpoch{0} || epoch > leader_epoch_) return std::nullopt;
  if (epoch == leader_epoch_) return EpochEnd{epoch, log_end_};
  EpochEnd end{epoch, epochs_.empty() ? log_end_ : epochs_.front().start_offset};
  for (size_t i = 0; i < epochs_.size() && epochs_[i].epoch <= epoch; ++i) {
    const Offset next = i + 1 < epochs_.size() ? epochs_[i + 1].start_offset : log_end_;
    end = EpochEnd{epochs_[i].epoch, next};
  }
  return end;
}

Result<void> Partition::set_leader_epoch(LeaderEpoch epoch) {
  if (epoch < leader_epoch_) return Error::fenced;
  leader_epoch_ = epoch;
  tell_watches();
  return {};
}

Task<void> Partition::close_segments() {
  for (auto& segment : segments_) {
    while (segment->pin_count > 0) co_await segment->unpinned.wait();
    writer_.forget_chunks(*segment);
    co_await services_.open_segments.close(*segment);
  }
}

Task<void> Partition::close(bool remove) {
  co_await mutex_.lock();
  if (state_ == State::closed) {
    mutex_.unlock();
    co_return;
  }
  const bool was_open = state_ == State::open;
  state_ = State::closing;
  tell_watches();
  watches_.release();
  const Result<void> drained = co_await writer_.drain();
  if (was_open && drained.ok() && !remove && !segments_.empty()) {
    if (flushed_end_.log_position > checkpointed_) checkpoint();
  }
  if (remove) {
    (void)co_await drop_all(std::nullopt);
  }
  co_await background_.wait_empty();
  co_await services_.doors.scheduler.yield();  // the last of them is still on the stack
  co_await put_next_back();
  co_await close_segments();
  producers_.reset();
  state_ = State::closed;
  mutex_.unlock();
  co_await services_.doors.scheduler.yield();  // those the last steps woke have left
}

}  // namespace penstock
