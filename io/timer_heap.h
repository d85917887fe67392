// The armed timers of one reactor, the earliest first; equal deadlines in the order they were armed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/clock.h"

namespace penstock {

class TimerHeap {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};

  TimerHeap() { entries_.reserve(1024); }
  TimerHeap(const TimerHeap&) = delete;

  void arm(Timer& timer, uint64_t deadline_ns);
  void cancel(Timer& timer);  // no effect on one that is not armed

  uint64_t next_deadline_ns() const {
    return entries_.empty() ? kNever : entries_.front().deadline_ns;
  }

  // Fires what is due at `now_ns`, except timers armed by the firing itself: those wait for the next call, so that a
  // timer that arms itself again cannot hold the reactor. Returns how many fired.
  uint64_t fire_due(uint64_t now_ns);

 private:
  struct Entry {
    uint64_t deadline_ns;
    uint64_t sequence;
    Timer* timer;
    bool before(const Entry& other) const {
      if (deadline_ns != other.deadline_ns) return deadline_ns < other.deadline_ns;
      return sequence < other.sequence;
    }
  };
  void place(size_t slot, const Entry& entry);
  void sift_up(size_t slot, const Entry& entry);
  void sift_down(size_t slot, const Entry& entry);

  std::vector<Entry> entries_;
  uint64_t sequence_ = 0;
};

}  // namespace penstock
