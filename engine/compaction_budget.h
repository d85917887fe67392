// How fast compaction may read and write, over all partitions of a store; and who stops it.
//
// Owned by a Cleaner; only on its reactor.
#pragma once

#include <cstdint>

#include "io/doors.h"
#include "io/event.h"

namespace penstock {

class CompactionBudget {
 public:
  CompactionBudget(Doors& doors, uint64_t bytes_per_second)
      : doors_(doors), bytes_per_second_(bytes_per_second) {}
  CompactionBudget(const CompactionBudget&) = delete;

  // So many bytes were read or written. Lets others run now and then.
  Task<void> spend(uint64_t bytes);
  // So many bytes were worked on, wherever they came from: the same without the price.
  Task<void> work(uint64_t bytes);

  // Whether more was spent than time has paid for: then wait() before the next byte. That takes a tenth of a second at
  // most, so that a caller who holds something can look whether somebody else wants it.
  bool in_debt() const;
  Task<void> wait();

  void stop() {
    stopped_ = true;
    waiting_.wake_all();
  }
  bool stopped() const { return stopped_; }

 private:
  Doors& doors_;
  uint64_t bytes_per_second_;  // 0: no limit
  uint64_t free_at_ns_ = 0;    // what was spent is paid for
  uint64_t unyielded_bytes_ = 0;
  bool stopped_ = false;
  WaitQueue waiting_;
};

}  // namespace penstock
