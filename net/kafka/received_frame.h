// The bytes of one request as they arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/doors.h"
#include "net/kafka/request_memory.h"

namespace penstock::kafka {

// Starts small and grows as bytes are there, not as they are claimed. Up to the pool's largest block it is pool memory,
// so that all connections of a reactor together cannot take more than the pool; above, heap memory. All of it counts
// against the reactor's RequestMemory: where that is plenty a frame soon has all its room, where it is scarce a frame
// holds at most a few times what has arrived.
class ReceivedFrame {
 public:
  static constexpr size_t kFirstBytes = 64 << 10;  // up to twice as many are had at once
  static constexpr size_t kFirstBytesScarce = 4 << 10;

  ReceivedFrame() = default;

  // The frame's byte `place` comes to lie where an append without a copy wants a batch: Engine::kBatchPlace into a disk
  // block. 0: the frame begins with its block, and takes no more memory than it needs.
  void begin(uint32_t size_bytes, size_t place = 0);
  bool complete() const { return filled_ == size_bytes_; }

  std::span<std::byte> room() { return capacity().subspan(filled_); }  // never beyond the frame
  void filled(size_t bytes) { filled_ += bytes; }
  // More room, when all there was is filled and the frame is not complete. Error::closed: `waiter` gave up;
  // Error::busy: no memory.
  Task<Result<void>> grow(Doors& doors, RequestMemory& memory, RequestMemory::Waiter& waiter);

  std::span<std::byte> bytes() { return capacity().first(filled_); }
  // The block that the frame lies in; null: heap memory.
  const Buffer* block() const { return block_ ? &block_ : nullptr; }
  uint32_t size_bytes() const { return size_bytes_; }

 private:
  std::span<std::byte> capacity();
  size_t next_capacity(bool scarce) const;
  Task<Result<void>> move_to(Doors& doors, size_t capacity_bytes);

  RequestMemory::Claim claim_;
  uint32_t size_bytes_ = 0;
  size_t skipped_ = 0;  // at the start of the block
  size_t filled_ = 0;
  size_t capacity_bytes_ = 0;
  Buffer block_;
  std::unique_ptr<std::byte[]> heap_;
};

}  // namespace penstock::kafka
