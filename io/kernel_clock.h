// The machine's clock, and the timers of the reactor that owns it.
#pragma once

#include "io/clock.h"
#include "io/timer_heap.h"

namespace penstock {

class KernelClock final : public Clock {
 public:
  static uint64_t now_ns();  // as monotonic_ns()
  uint64_t monotonic_ns() const override { return now_ns(); }
  int64_t wall_ms() const override;
  void arm(Timer& timer, uint64_t deadline_ns) override { timers_.arm(timer, deadline_ns); }
  void cancel(Timer& timer) override { timers_.cancel(timer); }

  TimerHeap& timers() { return timers_; }

 private:
  TimerHeap timers_;
};

}  // namespace penstock
