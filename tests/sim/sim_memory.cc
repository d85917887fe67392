#include "tests/sim/sim_memory.h"

#include <sys/mman.h>

#include <algorithm>

#include "io/check.h"

namespace penstock::sim {

SimMemory::SimMemory(uint32_t pool_count, size_t pool_bytes) : pool_bytes_(pool_bytes) {
  constexpr size_t kAlignment = BufferPool::kBlockBytesMax;
  const size_t size_bytes = pool_count * pool_bytes;
  void* memory = ::mmap(nullptr, size_bytes + kAlignment, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(memory != MAP_FAILED);
  mapping_ = {static_cast<std::byte*>(memory), size_bytes + kAlignment};
  const size_t beyond = reinterpret_cast<uintptr_t>(memory) % kAlignment;
  memory_ = mapping_.subspan(beyond == 0 ? 0 : kAlignment - beyond, size_bytes);
  for (uint32_t index = 0; index < pool_count; ++index) {
    pools_.push_back(std::make_unique<BufferPool>(memory_.subspan(index * pool_bytes, pool_bytes)));
  }
}

SimMemory::~SimMemory() {
  pools_.clear();
  ::munmap(mapping_.data(), mapping_.size());
}

bool SimMemory::all_free() const {
  return std::all_of(pools_.begin(), pools_.end(),
                     [](const auto& pool) { return pool->free_bytes() == pool->size_bytes(); });
}

BufferPool* SimMemory::pool_around(std::span<const std::byte> bytes) const {
  const bool inside = bytes.data() >= memory_.data() &&
                      bytes.data() + bytes.size() <= memory_.data() + memory_.size();
  if (!inside || bytes.empty()) return nullptr;
  return pools_[static_cast<size_t>(bytes.data() - memory_.data()) / pool_bytes_].get();
}

void SimMemory::pin(std::span<const std::byte> bytes) const {
  BufferPool* pool = pool_around(bytes);
  if (pool != nullptr) pool->pin_block(bytes);
}

void SimMemory::unpin(std::span<const std::byte> bytes) const {
  BufferPool* pool = pool_around(bytes);
  if (pool != nullptr) pool->unpin_block(bytes);
}

void SimMemory::forbid() {
  ::madvise(mapping_.data(), mapping_.size(), MADV_DONTNEED);
  ::mprotect(mapping_.data(), mapping_.size(), PROT_NONE);
}

}  // namespace penstock::sim
