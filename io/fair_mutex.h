// Mutual exclusion of coroutines of one reactor, first come first served.
#pragma once

#include <coroutine>
#include <cstdint>

#include "io/check.h"

namespace penstock {

// Outlives its waiters. Between unlock() and the next holder's first suspension nothing else runs.
class FairMutex {
 public:
  FairMutex() = default;
  FairMutex(const FairMutex&) = delete;
  ~FairMutex() { check(!locked_ && head_ == nullptr); }

  // co_await mutex.lock(): goes on at once if nobody holds it.
  class Lock;
  Lock lock();

  // Hands over to the next waiter, which runs before this returns, unless a hand-over is already under way up the
  // stack: so a long queue of short holders needs no deep stack.
  void unlock();

  bool locked() const { return locked_; }
  uint32_t waiting_count() const { return waiting_count_; }

 private:
  bool locked_ = false;
  bool handing_over_ = false;
  uint32_t waiting_count_ = 0;
  Lock* head_ = nullptr;
  Lock* tail_ = nullptr;
};

class FairMutex::Lock {
 public:
  explicit Lock(FairMutex& mutex) : mutex_(mutex) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  bool await_ready() {
    if (mutex_.locked_ || mutex_.head_ != nullptr) return false;
    mutex_.locked_ = true;
    return true;
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    (mutex_.tail_ != nullptr ? mutex_.tail_->next_ : mutex_.head_) = this;
    mutex_.tail_ = this;
    ++mutex_.waiting_count_;
  }
  void await_resume() const {}

 private:
  friend class FairMutex;
  FairMutex& mutex_;
  Lock* next_ = nullptr;
  std::coroutine_handle<> waiter_;
};

inline FairMutex::Lock FairMutex::lock() { return Lock(*this); }

inline void FairMutex::unlock() {
  check(locked_);
  locked_ = false;
  if (handing_over_) return;
  handing_over_ = true;
  while (!locked_ && head_ != nullptr) {
    Lock& next = *head_;
    head_ = next.next_;
    if (head_ == nullptr) tail_ = nullptr;
    --waiting_count_;
    locked_ = true;
    next.waiter_.resume();
  }
  handing_over_ = false;
}

}  // namespace penstock
