// How other threads wake a reactor that sleeps.
//
// The reactor says that it falls asleep, looks once more at its inboxes, and sleeps until `descriptor` is readable.
// A sender fills an inbox and then rings: only the first one of a burst pays for a system call, and none does while
// the reactor is awake.
#pragma once

#include <atomic>

namespace penstock {

class Doorbell {
 public:
  Doorbell();
  Doorbell(const Doorbell&) = delete;
  ~Doorbell();

  // An eventfd, or -1 when the process has no descriptors left.
  int descriptor() const { return descriptor_; }

  void fall_asleep() { asleep_.store(true, std::memory_order_seq_cst); }
  void wake_up() { asleep_.store(false, std::memory_order_relaxed); }

  // From any thread, after the inbox was filled.
  void ring() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    if (asleep_.exchange(false, std::memory_order_seq_cst)) signal();
  }

 private:
  void signal() const;

  int descriptor_;
  std::atomic<bool> asleep_{false};
};

}  // namespace penstock
