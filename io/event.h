// Waiting for each other on one reactor: events, gates and groups of tasks.
#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include "io/check.h"
#include "io/clock.h"
#include "io/task.h"

namespace penstock {

// Coroutines of one reactor wait; somebody wakes them. Nothing is remembered: a wake with nobody waiting is lost,
// so waiters look at their condition before and after.
class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  ~WaitQueue() { check(head_ == nullptr); }

  class Wait;
  Wait wait();                                          // value: true
  Wait wait_until(Clock& clock, uint64_t deadline_ns);  // value: false when the deadline came first

  // Resumes all that wait now, in order, before it returns. They may wait again, or destroy other waiters' owners.
  void wake_all();
  bool empty() const { return head_ == nullptr; }

 private:
  Wait* head_ = nullptr;
  Wait* tail_ = nullptr;
  uint64_t round_ = 0;
};

class WaitQueue::Wait {
 public:
  Wait(WaitQueue& queue, Clock* clock, uint64_t deadline_ns)
      : queue_(queue), clock_(clock), deadline_ns_(deadline_ns) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    link();
    if (clock_ == nullptr) return;
    timer_.owner = this;
    timer_.fire = [](Timer& timer) {
      Wait& wait = *static_cast<Wait*>(timer.owner);
      wait.unlink();
      wait.woken_ = false;
      wait.waiter_.resume();
    };
    clock_->arm(timer_, deadline_ns_);
  }
  bool await_resume() const { return woken_; }

 private:
  friend class WaitQueue;
  void link() {
    previous_ = queue_.tail_;
    next_ = nullptr;
    (previous_ != nullptr ? previous_->next_ : queue_.head_) = this;
    queue_.tail_ = this;
    round_ = queue_.round_;
    linked_ = true;
  }
  void unlink() {
    check(linked_);
    (previous_ != nullptr ? previous_->next_ : queue_.head_) = next_;
    (next_ != nullptr ? next_->previous_ : queue_.tail_) = previous_;
    linked_ = false;
  }

  WaitQueue& queue_;
  Clock* clock_;
  uint64_t deadline_ns_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
  Wait* previous_ = nullptr;
  Wait* next_ = nullptr;
  uint64_t round_ = 0;
  bool woken_ = true;
  bool linked_ = false;
};

inline WaitQueue::Wait WaitQueue::wait() { return Wait(*this, nullptr, 0); }
inline WaitQueue::Wait WaitQueue::wait_until(Clock& clock, uint64_t deadline_ns) {
  return Wait(*this, &clock, deadline_ns);
}

// Whoever waits from now on has a newer round and is not woken by this call.
inline void WaitQueue::wake_all() {
  const uint64_t round = round_++;
  while (head_ != nullptr && head_->round_ <= round) {
    Wait& wait = *head_;
    wait.unlink();
    if (wait.clock_ != nullptr) wait.clock_->cancel(wait.timer_);
    wait.woken_ = true;
    wait.waiter_.resume();
  }
}

// Background tasks with a common end: spawn many, then wait until all have returned.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  ~TaskGroup() { check(live_count_ == 0); }

  void spawn(Task<void> task) {
    ++live_count_;
    penstock::spawn(run(std::move(task)));
  }
  uint64_t live_count() const { return live_count_; }

  Task<void> wait_empty() {
    while (live_count_ > 0) co_await idle_.wait();
  }

 private:
  Task<void> run(Task<void> task) {
    co_await task;
    if (--live_count_ == 0) idle_.wake_all();
  }

  uint64_t live_count_ = 0;
  WaitQueue idle_;
};

}  // namespace penstock
