// Aligned memory for disks and sockets, from a fixed arena cut into power-of-two blocks.
//
// A pool belongs to one reactor; all pools of a process share one arena, so that every reactor's ring can register it
// and a block may change reactors. Blocks are 4 KiB to 4 MiB, aligned to 4 KiB at least. The pool never grows: full is
// Error::busy, and back-pressure.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/result.h"

namespace penstock {

class BufferPool;

// A counted reference to one block. Moves freely between reactors; the last one gone gives the block back to its
// pool, from any reactor. Many may read a block; who writes into one is the holders' agreement.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  ~Buffer() { reset(); }

  std::byte* data() const { return data_; }
  size_t size() const { return size_bytes_; }
  std::span<std::byte> bytes() const { return {data_, size_bytes_}; }
  explicit operator bool() const { return data_ != nullptr; }

  Buffer share() const;  // another reference to the same block
  void reset();

  // A request that the kernel holds pins the block: freeing a pinned block fails a check.
  void pin() const;
  void unpin() const;

 private:
  friend class BufferPool;
  Buffer(BufferPool* pool, std::byte* data, size_t size_bytes)
      : pool_(pool), data_(data), size_bytes_(size_bytes) {}

  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

// The memory itself: mapped once, in huge pages if there are any, touched, never given back.
class BufferArena {
 public:
  struct Options {
    size_t size_bytes = 64 << 20;  // rounded up to 4 MiB
    bool huge_pages = true;        // try reserved ones, then transparent ones
  };
  explicit BufferArena(
      Options options);  // out of memory ends the process with a message by check()
  BufferArena(const BufferArena&) = delete;
  ~BufferArena();

  std::span<std::byte> bytes() const { return {base_, size_bytes_}; }
  bool in_huge_pages() const { return in_huge_pages_; }  // reserved ones

 private:
  std::byte* map_ordinary(bool transparent_huge_pages) const;

  std::byte* base_ = nullptr;
  size_t size_bytes_ = 0;
  bool in_huge_pages_ = false;
};

class BufferPool {
 public:
  static constexpr size_t kBlockBytesMin = 4 << 10;
  static constexpr size_t kBlockBytesMax = 4 << 20;

  // `memory` is this pool's share of an arena, a multiple of kBlockBytesMax, and outlives the pool.
  explicit BufferPool(std::span<std::byte> memory);
  BufferPool(const BufferPool&) = delete;
  ~BufferPool();  // every block is back (checked)

  // Someone on the pool's reactor who keeps blocks that it can do without.
  class Hoarder {
   public:
    virtual ~Hoarder() = default;
    virtual bool give_back() = 0;  // one block or a few; false: none now
  };
  // Asked, one after the other, when there is no block of the size wanted, until there is one.
  void add_hoarder(Hoarder& hoarder) { hoarders_.push_back(&hoarder); }
  void remove_hoarder(Hoarder& hoarder) { std::erase(hoarders_, &hoarder); }

  // A block of at least `size_bytes` (its size is the next power of two). Error::too_large above kBlockBytesMax,
  // Error::busy when none is free. Only on the pool's reactor.
  Result<Buffer> allocate(size_t size_bytes);

  // As Buffer::pin and unpin, for whoever holds only bytes of the block. They lie within one block that is in use
  // (checked). Any reactor that may use the block.
  void pin_block(std::span<const std::byte> inside);
  void unpin_block(std::span<const std::byte> inside);

  bool owns(const Buffer& buffer) const { return buffer.pool_ == this; }
  size_t free_bytes() const { return free_bytes_; }
  size_t size_bytes() const { return memory_.size(); }

 private:
  friend class Buffer;
  static constexpr int kOrderCount = 11;  // 4 KiB << 0 .. 4 KiB << 10
  struct FreeBlock {
    FreeBlock* next;
    FreeBlock* previous;
  };
  // Per smallest block; what a block is stands at its first one.
  struct Unit {
    std::atomic<uint32_t> references{0};
    std::atomic<uint32_t> pins{0};
    uint8_t order = 0;
    bool free_head = false;
  };

  size_t unit_index(const std::byte* data) const;
  Unit& unit_around(std::span<const std::byte> inside) const;
  void release(std::byte* data);  // the last reference is gone; any thread
  void free_local(std::byte* data);
  void collect_remote();
  void push(std::byte* data, int order);
  void unlink(FreeBlock* block, int order);

  FreeBlock* find_free(int& order) const;

  std::span<std::byte> memory_;
  std::vector<Hoarder*> hoarders_;
  std::unique_ptr<Unit[]> units_;
  FreeBlock* free_[kOrderCount] = {};
  size_t free_bytes_ = 0;
  std::atomic<FreeBlock*> remote_freed_{nullptr};
  const void* home_thread_ =
      nullptr;  // identifies the thread that last allocated; set on first use
};

}  // namespace penstock
