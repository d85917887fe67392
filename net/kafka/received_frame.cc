#include "net/kafka/received_frame.h"

#include <algorithm>
#include <cstring>

#include "engine/engine.h"
#include "engine/file_io.h"

namespace penstock::kafka {

void ReceivedFrame::begin(uint32_t size_bytes, size_t place) {
  size_bytes_ = size_bytes;
  if (place == 0) return;
  const size_t over = (place + kDiskBlockBytes - Engine::kBatchPlace) % kDiskBlockBytes;
  skipped_ = over == 0 ? 0 : kDiskBlockBytes - over;
}

std::span<std::byte> ReceivedFrame::capacity() {
  if (capacity_bytes_ == 0) return {};
  std::byte* const data = heap_ ? heap_.get() : block_.data() + skipped_;
  return {data, capacity_bytes_};
}

size_t ReceivedFrame::next_capacity(bool scarce) const {
  constexpr size_t kGrowth = 4;
  if (scarce) {
    return std::min<size_t>(size_bytes_, std::max(kFirstBytesScarce, capacity_bytes_ * kGrowth));
  }
  if (capacity_bytes_ == 0) return size_bytes_ <= 2 * kFirstBytes ? size_bytes_ : kFirstBytes;
  if (skipped_ + size_bytes_ <= BufferPool::kBlockBytesMax) return size_bytes_;
  return std::min<size_t>(size_bytes_, std::max(BufferPool::kBlockBytesMax, capacity_bytes_ * 2));
}

Task<Result<void>> ReceivedFrame::grow(Doors& doors, RequestMemory& memory,
                                       RequestMemory::Waiter& waiter) {
  const size_t capacity_bytes = next_capacity(memory.scarce());
  const size_t more_bytes = capacity_bytes - capacity_bytes_;
  if (!memory.try_take(claim_, more_bytes)) {
    const bool taken = co_await memory.take(claim_, more_bytes, waiter);
    if (!taken) co_return Error::closed;
  }
  co_return co_await move_to(doors, capacity_bytes);
}

Task<Result<void>> ReceivedFrame::move_to(Doors& doors, size_t capacity_bytes) {
  if (skipped_ + capacity_bytes > BufferPool::kBlockBytesMax) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity_bytes);
    if (filled_ > 0) std::memcpy(larger.get(), capacity().data(), filled_);
    heap_ = std::move(larger);
    block_.reset();
    capacity_bytes_ = capacity_bytes;
    co_return Result<void>();
  }
  Result<Buffer> larger = co_await allocate_buffer(doors, skipped_ + capacity_bytes);
  if (!larger.ok()) co_return larger.error();
  if (filled_ > 0) {
    std::memcpy(larger.value().data() + skipped_, capacity().data(), filled_);
  }
  block_ = std::move(larger).value();
  capacity_bytes_ = capacity_bytes;
  co_return Result<void>();
}

}  // namespace penstock::kafka
