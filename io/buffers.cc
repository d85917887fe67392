#include "io/buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "io/check.h"
#include "io/frame_pool.h"

namespace penstock {

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = std::exchange(other.pool_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_bytes_ = std::exchange(other.size_bytes_, 0);
  }
  return *this;
}

Buffer Buffer::share() const {
  check(data_ != nullptr);
  pool_->units_[pool_->unit_index(data_)].references.fetch_add(1, std::memory_order_relaxed);
  return Buffer(pool_, data_, size_bytes_);
}

void Buffer::reset() {
  if (data_ == nullptr) return;
  BufferPool::Unit& unit = pool_->units_[pool_->unit_index(data_)];
  if (unit.references.fetch_sub(1, std::memory_order_acq_rel) == 1) pool_->release(data_);
  pool_ = nullptr;
  data_ = nullptr;
  size_bytes_ = 0;
}

void Buffer::pin() const {
  pool_->units_[pool_->unit_index(data_)].pins.fetch_add(1, std::memory_order_relaxed);
}

void Buffer::unpin() const {
  const uint32_t before =
      pool_->units_[pool_->unit_index(data_)].pins.fetch_sub(1, std::memory_order_relaxed);
  check(before > 0);
}

BufferArena::BufferArena(Options options) {
  constexpr size_t kUnit = BufferPool::kBlockBytesMax;
  size_bytes_ = (options.size_bytes + kUnit - 1) / kUnit * kUnit;
  void* memory = MAP_FAILED;
  if (options.huge_pages) {
    memory = ::mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_HUGETLB, -1, 0);
    in_huge_pages_ = memory != MAP_FAILED;
  }
  base_ = in_huge_pages_ ? static_cast<std::byte*>(memory) : map_ordinary(options.huge_pages);
}

// Aligned, so that the kernel may back it with transparent huge pages: a device takes a large block in a few long
// pieces then, which is what huge pages are wanted for.
std::byte* BufferArena::map_ordinary(bool transparent_huge_pages) const {
  constexpr size_t kHugePageBytes = 2 << 20;
  void* memory = ::mmap(nullptr, size_bytes_ + kHugePageBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory != MAP_FAILED);
  std::byte* start = static_cast<std::byte*>(memory);
  const size_t skipped_bytes = -reinterpret_cast<uintptr_t>(start) % kHugePageBytes;
  if (skipped_bytes > 0) ::munmap(start, skipped_bytes);
  ::munmap(start + skipped_bytes + size_bytes_, kHugePageBytes - skipped_bytes);
  start += skipped_bytes;
  if (transparent_huge_pages) ::madvise(start, size_bytes_, MADV_HUGEPAGE);
  std::memset(start, 0, size_bytes_);  // touched now, not at the first write
  return start;
}

BufferArena::~BufferArena() { ::munmap(base_, size_bytes_); }

BufferPool::BufferPool(std::span<std::byte> memory) : memory_(memory) {
  check(memory.size() % kBlockBytesMax == 0);
  units_ = std::make_unique<Unit[]>(memory.size() / kBlockBytesMin);
  for (size_t at = memory.size(); at > 0; at -= kBlockBytesMax) {
    push(memory.data() + at - kBlockBytesMax, kOrderCount - 1);
  }
  free_bytes_ = memory.size();
}

BufferPool::~BufferPool() {
  collect_remote();
  check(free_bytes_ == memory_.size());
}

size_t BufferPool::unit_index(const std::byte* data) const {
  return static_cast<size_t>(data - memory_.data()) / kBlockBytesMin;
}

void BufferPool::push(std::byte* data, int order) {
  Unit& unit = units_[unit_index(data)];
  unit.order = static_cast<uint8_t>(order);
  unit.free_head = true;
  FreeBlock* block = reinterpret_cast<FreeBlock*>(data);
  block->previous = nullptr;
  block->next = free_[order];
  if (block->next != nullptr) block->next->previous = block;
  free_[order] = block;
}

void BufferPool::unlink(FreeBlock* block, int order) {
  units_[unit_index(reinterpret_cast<std::byte*>(block))].free_head = false;
  (block->previous != nullptr ? block->previous->next : free_[order]) = block->next;
  if (block->next != nullptr) block->next->previous = block->previous;
}

// The smallest free block of `order` or above, which becomes its order.
BufferPool::FreeBlock* BufferPool::find_free(int& order) const {
  for (int at = order; at < kOrderCount; ++at) {
    if (free_[at] == nullptr) continue;
    order = at;
    return free_[at];
  }
  return nullptr;
}

Result<Buffer> BufferPool::allocate(size_t size_bytes) {
  if (size_bytes > kBlockBytesMax) return Error::too_large;
  // Written once: other reactors read it when they give blocks back.
  if (home_thread_ != FramePool::thread_identity()) home_thread_ = FramePool::thread_identity();
  collect_remote();
  const size_t block_bytes = std::bit_ceil(std::max(size_bytes, kBlockBytesMin));
  const int wanted = std::countr_zero(block_bytes / kBlockBytesMin);
  int order = wanted;
  FreeBlock* block = find_free(order);
  for (size_t next = 0; block == nullptr && next < hoarders_.size();) {
    if (hoarders_[next]->give_back()) {
      block = find_free(order);
    } else {
      ++next;
    }
  }
  if (block == nullptr) return Error::busy;
  unlink(block, order);
  std::byte* data = reinterpret_cast<std::byte*>(block);
  while (order > wanted) {
    --order;
    push(data + (kBlockBytesMin << order), order);
  }
  Unit& unit = units_[unit_index(data)];
  unit.order = static_cast<uint8_t>(wanted);
  unit.references.store(1, std::memory_order_relaxed);
  free_bytes_ -= block_bytes;
  return Buffer(this, data, block_bytes);
}

// Blocks are aligned to their size within the pool, so the block's first unit is one of a few candidates; those
// tried before it lie inside the block, where nobody changes them while it is in use.
BufferPool::Unit& BufferPool::unit_around(std::span<const std::byte> inside) const {
  const size_t position = static_cast<size_t>(inside.data() - memory_.data());
  for (int order = 0; order < kOrderCount; ++order) {
    const size_t block_bytes = kBlockBytesMin << order;
    const size_t start = position & ~(block_bytes - 1);
    Unit& unit = units_[start / kBlockBytesMin];
    if (unit.order != order || unit.references.load(std::memory_order_relaxed) == 0) continue;
    check(position + inside.size() <= start + block_bytes);
    return unit;
  }
  check_failed(__FILE__, __LINE__);  // not in use
}

void BufferPool::pin_block(std::span<const std::byte> inside) {
  unit_around(inside).pins.fetch_add(1, std::memory_order_relaxed);
}

void BufferPool::unpin_block(std::span<const std::byte> inside) {
  const uint32_t before = unit_around(inside).pins.fetch_sub(1, std::memory_order_relaxed);
  check(before > 0);
}

void BufferPool::release(std::byte* data) {
  check(units_[unit_index(data)].pins.load(std::memory_order_relaxed) == 0);
  if (home_thread_ == FramePool::thread_identity()) {
    free_local(data);
    return;
  }
  FreeBlock* block = reinterpret_cast<FreeBlock*>(data);
  block->next = remote_freed_.load(std::memory_order_relaxed);
  while (!remote_freed_.compare_exchange_weak(block->next, block, std::memory_order_release,
                                              std::memory_order_relaxed)) {
  }
}

void BufferPool::collect_remote() {
  if (remote_freed_.load(std::memory_order_relaxed) == nullptr) return;
  FreeBlock* block = remote_freed_.exchange(nullptr, std::memory_order_acquire);
  while (block != nullptr) {
    FreeBlock* next = block->next;
    free_local(reinterpret_cast<std::byte*>(block));
    block = next;
  }
}

// Joins buddies on the way up, so that large blocks come back.
void BufferPool::free_local(std::byte* data) {
  int order = units_[unit_index(data)].order;
  free_bytes_ += kBlockBytesMin << order;
  while (order < kOrderCount - 1) {
    const size_t position = static_cast<size_t>(data - memory_.data());
    std::byte* buddy = memory_.data() + (position ^ (kBlockBytesMin << order));
    const Unit& unit = units_[unit_index(buddy)];
    if (!unit.free_head || unit.order != order) break;
    unlink(reinterpret_cast<FreeBlock*>(buddy), order);
    data = std::min(data, buddy);
    ++order;
  }
  push(data, order);
}

}  // namespace penstock
