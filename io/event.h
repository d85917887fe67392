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
  ~WaitQueue() { check(empty()); }

  class Wait;
  Wait wait();                                          // value: true
  Wait wait_until(Clock& clock, uint64_t deadline_ns);  // value: false when the deadline came first

  // Resumes all that wait now, in order, before it returns. They may wait again, or destroy the queue itself.
  void wake_all();
  bool empty() const { return waiting_.next == &waiting_; }

 private:
  // A ring of waiters through its list's own link, so that a waiter leaves whichever list it is on by itself.
  struct Link {
    Link() = default;
    Link(const Link&) = delete;
    void insert_before(Link& other) {
      previous = other.previous;
      next = &other;
      previous->next = this;
      other.previous = this;
    }
    void remove() {
      previous->next = next;
      next->previous = previous;
      next = previous = this;
    }
    Link* next = this;
    Link* previous = this;
  };
  Link waiting_;
};

class WaitQueue::Wait : private WaitQueue::Link {
 public:
  Wait(WaitQueue& queue, Clock* clock, uint64_t deadline_ns)
      : queue_(queue), clock_(clock), deadline_ns_(deadline_ns) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    insert_before(queue_.waiting_);
    if (clock_ == nullptr) return;
    timer_.owner = this;
    timer_.fire = [](Timer& timer) {
      Wait& wait = *static_cast<Wait*>(timer.owner);
      wait.remove();
      wait.woken_ = false;
      wait.waiter_.resume();
    };
    clock_->arm(timer_, deadline_ns_);
  }
  bool await_resume() const { return woken_; }

 private:
  friend class WaitQueue;
  WaitQueue& queue_;
  Clock* clock_;
  uint64_t deadline_ns_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
  bool woken_ = true;
};

inline WaitQueue::Wait WaitQueue::wait() { return Wait(*this, nullptr, 0); }
inline WaitQueue::Wait WaitQueue::wait_until(Clock& clock, uint64_t deadline_ns) {
  return Wait(*this, &clock, deadline_ns);
}

// The waiters move to a list of this call's own first: whoever waits from now on is not woken by it, and the queue
// is not touched after the first resume, which may end its owner.
inline void WaitQueue::wake_all() {
  if (empty()) return;
  Link woken;
  woken.insert_before(waiting_);
  waiting_.remove();
  while (woken.next != &woken) {
    Wait& wait = static_cast<Wait&>(*woken.next);
    wait.remove();
    if (wait.clock_ != nullptr) wait.clock_->cancel(wait.timer_);
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
