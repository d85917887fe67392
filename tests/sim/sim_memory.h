// The buffers of one incarnation of a node: a pool per reactor in one mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/buffers.h"

namespace penstock::sim {

class SimMemory {
 public:
  // `pool_bytes` is a multiple of BufferPool::kBlockBytesMax. Pages come into being when they are touched.
  SimMemory(uint32_t pool_count, size_t pool_bytes);
  SimMemory(const SimMemory&) = delete;
  ~SimMemory();  // every block is back in its pool

  BufferPool& pool(uint32_t index) const { return *pools_[index]; }
  bool all_free() const;

  // While a request holds bytes of a block, freeing the block fails a check. Bytes elsewhere are nobody's.
  void pin(std::span<const std::byte> bytes) const;
  void unpin(std::span<const std::byte> bytes) const;

  // The process is gone: its pages are given back, and whoever touches one ends the test.
  void forbid();

 private:
  BufferPool* pool_around(std::span<const std::byte> bytes) const;

  size_t pool_bytes_;
  std::span<std::byte> mapping_;
  std::span<std::byte> memory_;  // the aligned part of it
  std::vector<std::unique_ptr<BufferPool>> pools_;
};

}  // namespace penstock::sim
