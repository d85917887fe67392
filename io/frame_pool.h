// Coroutine frames from per-reactor free lists.
//
// Frames are rounded up to size classes of 64 bytes up to 4 KiB; larger ones go to the heap. A frame is freed
// on the thread that made it. Without a current pool (tests, start-up code) frames come from the heap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock {

class FramePool {
 public:
  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool();  // returns the free frames; frames still alive are the caller's bug (checked)

  // The pool of the reactor running on this thread; may be null. Set by the reactor around its loop.
  static FramePool* current();
  static void set_current(FramePool* pool);

  // Tells threads apart; what it points to has no meaning.
  static const void* thread_identity();

  // Used by every Task's promise. Never null: out of memory ends the process.
  static void* allocate(size_t bytes);
  static void deallocate(void* frame);

  uint64_t live_count() const { return live_count_; }

 private:
  static constexpr size_t kClassBytes = 64;
  static constexpr size_t kClassCount = 64;
  struct Free {
    Free* next;
  };
  std::array<Free*, kClassCount> free_{};
  uint64_t live_count_ = 0;
};

}  // namespace penstock
