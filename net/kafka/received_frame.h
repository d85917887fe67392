// The bytes of one request as they arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/doors.h"

namespace penstock::kafka {

// Starts small and becomes as large as the frame once a good part of it is there. Up to the pool's largest block it is
// pool memory, so that all connections of a reactor together cannot take more than the pool; above, heap memory that
// doubles as it fills.
class ReceivedFrame {
 public:
  static constexpr size_t kFirstBytes = 64 << 10;

  ReceivedFrame() = default;

  // Begins a frame of `size_bytes`; there is room for the first bytes when it is done. Error::busy: no memory.
  Task<Result<void>> begin(Doors& doors, uint32_t size_bytes);

  std::span<std::byte> room() { return capacity().subspan(filled_); }  // never beyond the frame
  void filled(size_t bytes) { filled_ += bytes; }
  bool complete() const { return filled_ == size_bytes_; }
  // More room, when all there was is filled and the frame is not complete.
  Task<Result<void>> grow(Doors& doors);

  std::span<std::byte> bytes() { return capacity().first(filled_); }
  uint32_t size_bytes() const { return size_bytes_; }

 private:
  std::span<std::byte> capacity();
  Task<Result<void>> move_to(Doors& doors, size_t capacity_bytes);

  uint32_t size_bytes_ = 0;
  size_t filled_ = 0;
  size_t capacity_bytes_ = 0;
  Buffer block_;
  std::unique_ptr<std::byte[]> heap_;
};

}  // namespace penstock::kafka
