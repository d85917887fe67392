#include "net/kafka/received_frame.h"

#include <algorithm>
#include <cstring>

#include "engine/file_io.h"

namespace penstock::kafka {

std::span<std::byte> ReceivedFrame::capacity() {
  std::byte* const data = heap_ ? heap_.get() : block_.data();
  return {data, capacity_bytes_};
}

Task<Result<void>> ReceivedFrame::begin(Doors& doors, uint32_t size_bytes) {
  size_bytes_ = size_bytes;
  co_return co_await move_to(doors, std::min<size_t>(size_bytes, kFirstBytes));
}

Task<Result<void>> ReceivedFrame::grow(Doors& doors) {
  const bool pool_holds_it = size_bytes_ <= BufferPool::kBlockBytesMax;
  const size_t doubled = std::max(BufferPool::kBlockBytesMax, capacity_bytes_ * 2);
  co_return co_await move_to(doors,
                             pool_holds_it ? size_bytes_ : std::min<size_t>(size_bytes_, doubled));
}

Task<Result<void>> ReceivedFrame::move_to(Doors& doors, size_t capacity_bytes) {
  if (capacity_bytes > BufferPool::kBlockBytesMax) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity_bytes);
    std::memcpy(larger.get(), capacity().data(), filled_);
    heap_ = std::move(larger);
    block_.reset();
    capacity_bytes_ = capacity_bytes;
    co_return Result<void>();
  }
  Result<Buffer> larger = co_await allocate_buffer(doors, capacity_bytes);
  if (!larger.ok()) co_return larger.error();
  if (filled_ > 0) std::memcpy(larger.value().data(), capacity().data(), filled_);
  block_ = std::move(larger).value();
  capacity_bytes_ = capacity_bytes;
  co_return Result<void>();
}

}  // namespace penstock::kafka
