#include "engine/write_queue.h"

#include <algorithm>

namespace penstock {

WriteQueue::WriteQueue(Doors& doors, Options options) : doors_(doors), options_(options) {
  pump_.queue = this;
  pump_.run = [](Message& message) { static_cast<Pump&>(message).queue->pump(); };
  doors_.buffers.set_hoarder(this);
}

WriteQueue::~WriteQueue() {
  check(in_flight_bytes_ == 0);
  check(!scheduled_);
  doors_.buffers.set_hoarder(nullptr);
}

void WriteQueue::enqueue(LogWriter& writer) {
  if (!writer.queued_) {
    writer.queued_ = true;
    writer.next_queued_ = nullptr;
    (tail_ != nullptr ? tail_->next_queued_ : head_) = &writer;
    tail_ = &writer;
  }
  schedule();
}

void WriteQueue::remove(LogWriter& writer) {
  for (uint64_t n = chunk_owners_.first_number(); n < chunk_owners_.end_number(); ++n) {
    if (chunk_owners_[n] == &writer) chunk_owners_[n] = nullptr;
  }
  if (!writer.queued_) return;
  LogWriter* previous = nullptr;
  for (LogWriter* at = head_; at != &writer; at = at->next_queued_) previous = at;
  (previous != nullptr ? previous->next_queued_ : head_) = writer.next_queued_;
  if (tail_ == &writer) tail_ = previous;
  writer.queued_ = false;
}

void WriteQueue::schedule() {
  if (scheduled_ || in_flight_bytes_ >= options_.in_flight_bytes_max) return;
  scheduled_ = true;
  doors_.scheduler.post(doors_.scheduler.reactor_index(), pump_);
}

void WriteQueue::pump() {
  scheduled_ = false;
  while (head_ != nullptr && in_flight_bytes_ < options_.in_flight_bytes_max) {
    LogWriter& writer = *head_;
    head_ = writer.next_queued_;
    if (head_ == nullptr) tail_ = nullptr;
    writer.queued_ = false;
    LogWrite* write = writer.next_write(options_.write_bytes_max);
    if (write == nullptr) continue;
    in_flight_bytes_ += write->request.length_bytes;
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
  if (head_ != nullptr) schedule();
}

void WriteQueue::give_back(LogWrite& write) { free_writes_.push_back(&write); }

bool WriteQueue::evict_one() {
  for (size_t tries = chunk_owners_.size(); tries > 0; --tries) {
    LogWriter* owner = chunk_owners_.pop_front();
    if (owner == nullptr) continue;
    if (owner->evict_oldest_chunk()) return true;
    if (!owner->chunks_.empty()) chunk_owners_.push_back(owner);
  }
  return false;
}

// Evicting frees small blocks that need not join into one of the size wanted; so the pool asks for more until one is
// there or nothing is left to evict. Then this waits for writes to complete.
Task<Result<Buffer>> WriteQueue::allocate_chunk(LogWriter& writer, size_t size_bytes) {
  constexpr uint64_t kPatienceNs = 10'000'000'000;
  const uint64_t give_up_ns = doors_.clock.monotonic_ns() + kPatienceNs;
  for (;;) {
    // What readers and connections need must not be starved by the tail's memory.
    const bool scarce = doors_.buffers.free_bytes() < doors_.buffers.size_bytes() / 4;
    if (scarce) evict_one();
    Result<Buffer> buffer = doors_.buffers.allocate(size_bytes);
    if (buffer.ok()) chunk_owners_.push_back(&writer);
    if (buffer.ok() || buffer.error() != Error::busy) co_return buffer;
    if (doors_.clock.monotonic_ns() >= give_up_ns) co_return Error::busy;
    co_await doors_.clock.sleep_for(50'000);
  }
}

}  // namespace penstock
