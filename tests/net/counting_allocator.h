// Counts what the test program takes from the heap, so that a test can say how much some input may cost.
#pragma once

#include <cstddef>

namespace penstock::test {

// Counts from its construction on. One at a time, on one thread.
class AllocationCount {
 public:
  AllocationCount();
  ~AllocationCount();
  AllocationCount(const AllocationCount&) = delete;

  size_t peak_bytes() const;     // most held at one time
  size_t largest_bytes() const;  // the largest single request
};

}  // namespace penstock::test
