// Which pool a piece of the arena belongs to: pins what the kernel holds, so that freeing it meanwhile fails a check.
//
// Shared by all reactors and unchanged once made. Bytes outside the arena are nobody's: pinning them does nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "io/buffers.h"

namespace penstock {

class ArenaPools {
 public:
  // Cuts `arena` into `pool_count` pools of the same size. The arena outlives this.
  ArenaPools(BufferArena& arena, uint32_t pool_count);
  ArenaPools(const ArenaPools&) = delete;

  BufferPool& pool(uint32_t index) const { return *pools_[index]; }
  std::span<std::byte> arena_bytes() const { return memory_; }
  bool holds(const std::byte* bytes, size_t length_bytes) const {
    return bytes >= memory_.data() && bytes + length_bytes <= memory_.data() + memory_.size();
  }

  // From the reactor that submits the request; the bytes lie within one block, or outside the arena.
  void pin(const std::byte* bytes, size_t length_bytes) const;
  void unpin(const std::byte* bytes, size_t length_bytes) const;

 private:
  BufferPool& pool_of(const std::byte* bytes) const;

  std::span<std::byte> memory_;
  size_t pool_bytes_;
  std::vector<std::unique_ptr<BufferPool>> pools_;
};

}  // namespace penstock
