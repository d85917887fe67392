// Coroutines whose wait is over, resumed a few per turn of the loop.
//
// A flush ends the wait of many appends at once, and each goes on with work of its own. Resumed all together they would
// keep the loop from the disk, which runs dry meanwhile. In the order in which they were pushed; never inside push().
// Owned by a PartitionStore; only on its reactor. Empty when it is destroyed.
#pragma once

#include <coroutine>
#include <utility>

#include "io/check.h"
#include "io/clock.h"
#include "io/scheduler.h"

namespace penstock {

class WakeQueue {
 public:
  // Part of the awaiter; stays put until it is resumed.
  struct Waiter {
    std::coroutine_handle<> handle;
    Waiter* next = nullptr;
  };

  WakeQueue(Scheduler& scheduler, Clock& clock) : scheduler_(scheduler), clock_(clock) {
    turn_.queue = this;
    turn_.run = [](Message& message) { static_cast<Turn&>(message).queue->resume_some(); };
  }
  WakeQueue(const WakeQueue&) = delete;
  ~WakeQueue() { check(head_ == nullptr && !scheduled_); }

  void push(Waiter& waiter) {
    waiter.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &waiter;
    tail_ = &waiter;
    schedule();
  }
  bool empty() const { return head_ == nullptr && !scheduled_; }

 private:
  struct Turn : Message {
    WakeQueue* queue = nullptr;
  };
  static constexpr uint64_t kTurnNs = 50'000;

  void schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    scheduler_.post(scheduler_.reactor_index(), turn_);
  }

  void resume_some() {
    scheduled_ = false;
    const uint64_t end_ns = clock_.monotonic_ns() + kTurnNs;
    while (head_ != nullptr) {
      Waiter& waiter = *head_;
      head_ = waiter.next;
      if (head_ == nullptr) tail_ = nullptr;
      waiter.handle.resume();
      if (clock_.monotonic_ns() >= end_ns) break;
    }
    if (head_ != nullptr) schedule();
  }

  Scheduler& scheduler_;
  Clock& clock_;
  Turn turn_;
  bool scheduled_ = false;
  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
};

}  // namespace penstock
