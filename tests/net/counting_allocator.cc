#include "tests/net/counting_allocator.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "io/check.h"

namespace penstock::test {

namespace {

struct Counters {
  bool counting = false;
  size_t live_bytes = 0;
  size_t peak_bytes = 0;
  size_t largest_bytes = 0;
};
thread_local Counters counters;

// Stands before every block: how large it is, and whether it was counted.
struct Header {
  size_t size_bytes;
  bool counted;
};
constexpr size_t kHeaderBytes = 2 * alignof(std::max_align_t);
static_assert(sizeof(Header) <= kHeaderBytes);

}  // namespace

AllocationCount::AllocationCount() {
  check(!counters.counting);
  counters = {.counting = true};
}
AllocationCount::~AllocationCount() { counters = {}; }
size_t AllocationCount::peak_bytes() const { return counters.peak_bytes; }
size_t AllocationCount::largest_bytes() const { return counters.largest_bytes; }

static void* allocate(size_t size_bytes) {
  void* block = std::malloc(size_bytes + kHeaderBytes);
  check(block != nullptr);
  const Header header{size_bytes, counters.counting};
  std::memcpy(block, &header, sizeof(header));
  if (counters.counting) {
    counters.live_bytes += size_bytes;
    counters.peak_bytes = std::max(counters.peak_bytes, counters.live_bytes);
    counters.largest_bytes = std::max(counters.largest_bytes, size_bytes);
  }
  return static_cast<char*>(block) + kHeaderBytes;
}

static void deallocate(void* memory) {
  if (memory == nullptr) return;
  void* block = static_cast<char*>(memory) - kHeaderBytes;
  Header header;
  std::memcpy(&header, block, sizeof(header));
  if (header.counted && counters.counting) counters.live_bytes -= header.size_bytes;
  std::free(block);
}

}  // namespace penstock::test

void* operator new(size_t size_bytes) { return penstock::test::allocate(size_bytes); }
void* operator new[](size_t size_bytes) { return penstock::test::allocate(size_bytes); }
void* operator new(size_t size_bytes, const std::nothrow_t&) noexcept {
  return penstock::test::allocate(size_bytes);
}
void* operator new[](size_t size_bytes, const std::nothrow_t&) noexcept {
  return penstock::test::allocate(size_bytes);
}
void operator delete(void* memory) noexcept { penstock::test::deallocate(memory); }
void operator delete[](void* memory) noexcept { penstock::test::deallocate(memory); }
void operator delete(void* memory, size_t) noexcept { penstock::test::deallocate(memory); }
void operator delete[](void* memory, size_t) noexcept { penstock::test::deallocate(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  penstock::test::deallocate(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  penstock::test::deallocate(memory);
}
