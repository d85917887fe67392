#include "engine/write_queue.h"

#include <algorithm>
#include <bit>

namespace penstock {
namespace {

// Most chunks may be on their way to the disk: only a few are asked at a time, so that many cost no more than few.
constexpr size_t kTries = 8;
constexpr size_t kTriesInNeed = 64;

constexpr size_t kTailCountMax = 4096;  // of less than a disk block each

// A chunk for little: who asks for no more does not wait for those who place much.
constexpr size_t kLittleBytes = 32 << 10;

}  // namespace

WriteQueue::WriteQueue(Doors& doors, Options options) : doors_(doors), options_(options) {
  pump_.queue = this;
  pump_.run = [](Message& message) { static_cast<Pump&>(message).queue->pump(); };
  doors_.buffers.add_hoarder(*this);
}

WriteQueue::~WriteQueue() {
  check(in_flight_bytes_ == 0);
  check(!scheduled_);
  doors_.buffers.remove_hoarder(*this);
}

void WriteQueue::Line::push_back(LogWriter& writer) {
  writer.next_queued_ = nullptr;
  writer.previous_queued_ = tail;
  (tail != nullptr ? tail->next_queued_ : head) = &writer;
  tail = &writer;
}

void WriteQueue::Line::remove(LogWriter& writer) {
  LogWriter* const next = writer.next_queued_;
  LogWriter* const previous = writer.previous_queued_;
  (previous != nullptr ? previous->next_queued_ : head) = next;
  (next != nullptr ? next->previous_queued_ : tail) = previous;
}

void WriteQueue::enqueue(LogWriter& writer) {
  const bool much = writer.unsubmitted_bytes() >= options_.large_bytes_min;
  if (writer.queued_ && much != writer.has_much_) {
    line_of(writer).remove(writer);
    writer.queued_ = false;
  }
  if (!writer.queued_) {
    writer.queued_ = true;
    writer.has_much_ = much;
    line_of(writer).push_back(writer);
  }
  schedule();
}

void WriteQueue::remove(LogWriter& writer) {
  for (uint64_t n = chunk_owners_.first_number(); n < chunk_owners_.end_number(); ++n) {
    if (chunk_owners_[n] == &writer) chunk_owners_[n] = nullptr;
  }
  if (!writer.queued_) return;
  line_of(writer).remove(writer);
  writer.queued_ = false;
}

// Who is alone in line collects more while it waits; where there are many, each has little more to wait for. Small ones
// are not passed over for ever.
bool WriteQueue::may_submit_small() const {
  constexpr uint32_t kPassedCountMax = 8;
  const bool many =
      small_.head != small_.tail && in_flight_count_ < options_.small_in_flight_count_max;
  const uint64_t bytes_max = options_.small_in_flight_bytes_max * (many ? 2 : 1);
  return in_flight_bytes_ < bytes_max ||
         (!large_.empty() && passed_small_count_ >= kPassedCountMax);
}

LogWriter* WriteQueue::next_writer() {
  if (in_flight_bytes_ >= options_.in_flight_bytes_max) return nullptr;
  if (!small_.empty() && may_submit_small()) return small_.head;
  return large_.head;
}

void WriteQueue::schedule() {
  if (scheduled_ || next_writer() == nullptr) return;
  scheduled_ = true;
  doors_.scheduler.post(doors_.scheduler.reactor_index(), pump_);
}

void WriteQueue::pump() {
  scheduled_ = false;
  while (LogWriter* const next = next_writer()) {
    LogWriter& writer = *next;
    line_of(writer).remove(writer);
    writer.queued_ = false;
    passed_small_count_ = writer.has_much_ && !small_.empty() ? passed_small_count_ + 1 : 0;
    LogWrite* write = writer.next_write(options_.write_bytes_max);
    if (write == nullptr) continue;
    in_flight_bytes_ += write->request.length_bytes;
    ++in_flight_count_;
    if (write->request.durable) write->submitted_ns = doors_.clock.monotonic_ns();
    if (writer.has_unsubmitted()) enqueue(writer);
    doors_.disk.submit(write->request);
  }
}

LogWrite& WriteQueue::take_write() {
  if (free_writes_.empty()) {
    writes_.push_back(std::make_unique<LogWrite>());
    free_writes_.reserve(writes_.size());
    return *writes_.back();
  }
  LogWrite& write = *free_writes_.back();
  free_writes_.pop_back();
  return write;
}

void WriteQueue::finished(const LogWrite& write) {
  in_flight_bytes_ -= write.request.length_bytes;
  --in_flight_count_;
  schedule();
}

void WriteQueue::give_back(LogWrite& write) { free_writes_.push_back(&write); }

void WriteQueue::chunk_written() { written_.wake_all(); }

bool WriteQueue::evict_one(size_t tries_max) {
  for (size_t tries = std::min(tries_max, chunk_owners_.size()); tries > 0; --tries) {
    LogWriter* owner = chunk_owners_.pop_front();
    if (owner == nullptr) continue;
    if (owner->evict_oldest_chunk()) return true;
    if (!owner->chunks_.empty()) chunk_owners_.push_back(owner);
  }
  return false;
}

// Those kept longest go first.
void WriteQueue::tail_kept(LogWriter& writer) {
  writer.tail_number_ = tail_owners_.end_number();
  tail_owners_.push_back(&writer);
  if (tail_owners_.size() <= kTailCountMax) return;
  if (LogWriter* const oldest = tail_owners_.front()) oldest->drop_tail();
  tail_owners_.pop_front();
}

void WriteQueue::tail_dropped(LogWriter& writer) { tail_owners_[writer.tail_number_] = nullptr; }

void WriteQueue::chunk_linked(size_t size_bytes) {
  while (chunk_bytes_ + size_bytes > options_.tail_bytes_max && evict_one(kTries)) continue;
  chunk_bytes_ += size_bytes;
}

// As many of the frames that wait as one write takes.
size_t WriteQueue::size_for_waiting(const ChunkDemand& demand) const {
  const uint64_t waiting_bytes = demand.owner.log_frames_waiting() * demand.frame_bytes;
  const uint64_t bytes_max = std::max<uint64_t>(demand.least, options_.write_bytes_max);
  return std::clamp<uint64_t>(std::bit_ceil(demand.bytes + waiting_bytes), demand.least, bytes_max);
}

// What readers, connections, the journal and new files need must not be starved by the tail's memory: it has at most
// three quarters of the pool. (The journal without a block would be a failed write, final for every partition.)
// Evicting frees small blocks that need not join into one of the size wanted; so the pool asks for more until one is
// there or nothing is left to evict.
Result<Buffer> WriteQueue::try_allocate_chunk(const ChunkDemand& demand) {
  const size_t whole = doors_.buffers.size_bytes();
  const size_t bytes_max = whole / 4 * 3;
  if (doors_.buffers.free_bytes() < whole / 4) evict_one(kTries);
  const auto fits = [this](size_t more) { return chunk_bytes_ + more <= options_.tail_bytes_max; };
  const size_t wanted = size_for_waiting(demand);
  const size_t most = std::max(demand.most, wanted);
  while (!fits(most) && evict_one(kTries)) continue;
  size_t size_bytes = fits(most) ? most : wanted;
  const bool under_way = in_flight_bytes_ > 0 || !small_.empty() || !large_.empty();
  if (under_way && !fits(size_bytes) && size_bytes > kLittleBytes) return Error::busy;
  while (chunk_bytes_ + size_bytes > bytes_max && evict_one(kTriesInNeed)) continue;
  if (chunk_bytes_ + size_bytes > bytes_max) size_bytes = demand.least;
  if (chunk_bytes_ + size_bytes > bytes_max) return Error::busy;
  Result<Buffer> buffer = doors_.buffers.allocate(size_bytes);
  if (!buffer.ok() && buffer.error() == Error::busy && size_bytes > demand.least) {
    buffer = doors_.buffers.allocate(demand.least);
  }
  if (buffer.ok()) chunk_bytes_ += buffer.value().size();
  return buffer;
}

// Of what the pool has besides the logs' ends, and only while that is much.
Result<Buffer> WriteQueue::allocate_beside_line(const ChunkDemand& demand) {
  const size_t size_bytes = size_for_waiting(demand);
  const size_t whole = doors_.buffers.size_bytes();
  const bool scarce =
      chunk_bytes_ + size_bytes > whole / 2 || doors_.buffers.free_bytes() < whole / 4;
  if (size_bytes > kLittleBytes || scarce) return Error::busy;
  Result<Buffer> buffer = doors_.buffers.allocate(size_bytes);
  if (buffer.ok()) chunk_bytes_ += buffer.value().size();
  return buffer;
}

// First come, first served: thousands of writers that all looked again at each completed write would do nothing else. While
// others are served a slow disk is no reason to give up; with one that has stopped, all give up together.
Task<Result<Buffer>> WriteQueue::allocate_chunk(ChunkDemand demand) {
  constexpr uint64_t kPatienceNs = 10'000'000'000;
  constexpr uint64_t kPauseNs = 1'000'000;  // others than writers give blocks back too
  if (allocating_.locked()) {
    Result<Buffer> little = allocate_beside_line(demand);
    if (little.ok()) co_return little;
  }
  const uint64_t came_ns = doors_.clock.monotonic_ns();
  co_await allocating_.lock();
  Result<Buffer> buffer = try_allocate_chunk(demand);
  while (!buffer.ok() && buffer.error() == Error::busy) {
    const uint64_t now_ns = doors_.clock.monotonic_ns();
    if (now_ns >= std::max(came_ns, served_ns_) + kPatienceNs) break;
    co_await written_.wait_until(doors_.clock, now_ns + kPauseNs);
    buffer = try_allocate_chunk(demand);
  }
  if (buffer.ok()) served_ns_ = doors_.clock.monotonic_ns();
  allocating_.unlock();
  co_return buffer;
}

}  // namespace penstock
