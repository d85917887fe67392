#include "io/frame_pool.h"

#include <new>

#include "io/check.h"

namespace penstock {
namespace {

// Stands before every frame, so that a frame finds its way home.
struct Prefix {
  FramePool* pool;
  size_t size_class;  // kHeap when the frame is the heap's
};
constexpr size_t kHeap = ~size_t{0};
static_assert(sizeof(Prefix) == 16);  // keeps the frame behind it 16-byte aligned

thread_local FramePool* current_pool = nullptr;

}  // namespace

FramePool* FramePool::current() { return current_pool; }
void FramePool::set_current(FramePool* pool) { current_pool = pool; }
const void* FramePool::thread_identity() { return &current_pool; }

FramePool::~FramePool() {
  check(live_count_ == 0);
  for (Free* head : free_) {
    while (head != nullptr) {
      Free* next = head->next;
      ::operator delete(static_cast<void*>(head));
      head = next;
    }
  }
}

void* FramePool::allocate(size_t bytes) {
  const size_t total = bytes + sizeof(Prefix);
  const size_t size_class = (total + kClassBytes - 1) / kClassBytes;
  FramePool* pool = current_pool;
  Prefix* prefix = nullptr;
  if (pool == nullptr || size_class >= kClassCount) {
    prefix = static_cast<Prefix*>(::operator new(total));
    prefix->size_class = kHeap;
  } else {
    Free*& head = pool->free_[size_class];
    if (head != nullptr) {
      void* memory = head;
      head = head->next;
      prefix = static_cast<Prefix*>(memory);
    } else {
      prefix = static_cast<Prefix*>(::operator new(size_class* kClassBytes));
    }
    prefix->size_class = size_class;
    ++pool->live_count_;
  }
  prefix->pool = pool;
  return prefix + 1;
}

void FramePool::deallocate(void* frame) {
  Prefix* prefix = static_cast<Prefix*>(frame) - 1;
  if (prefix->size_class == kHeap) {
    ::operator delete(static_cast<void*>(prefix));
    return;
  }
  FramePool* pool = prefix->pool;
  check(pool == current_pool);
  const size_t size_class = prefix->size_class;
  Free* free = reinterpret_cast<Free*>(prefix);
  free->next = pool->free_[size_class];
  pool->free_[size_class] = free;
  --pool->live_count_;
}

}  // namespace penstock
