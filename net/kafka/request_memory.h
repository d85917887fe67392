// The memory of requests that have begun and are not answered, over all connections of a reactor.
//
// Who wants more than there is waits in line. One connection at a time may go beyond the limit: so those that hold parts
// of requests can never wait for each other for ever, and a request larger than the limit is served too. On one reactor.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "io/event.h"

namespace penstock::kafka {

class RequestMemory {
 public:
  explicit RequestMemory(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  RequestMemory(const RequestMemory&) = delete;
  ~RequestMemory() { check(held_bytes_ == 0); }

  // What one request holds; destroyed before the RequestMemory.
  class Claim {
   public:
    Claim() = default;
    Claim(const Claim&) = delete;
    ~Claim() {
      if (memory_ != nullptr) memory_->give_back(*this);
    }

   private:
    friend class RequestMemory;
    RequestMemory* memory_ = nullptr;
    uint64_t bytes_ = 0;
    bool beyond_limit_ = false;
  };
  // Someone's place in the line.
  class Waiter {
   public:
    // It waits no more.
    void give_up() {
      given_up_ = true;
      waiting_.wake_all();
    }

   private:
    friend class RequestMemory;
    bool given_up_ = false;
    WaitQueue waiting_;
  };

  // More for `claim`, if it can be had at once.
  bool try_take(Claim& claim, uint64_t bytes) {
    if (!line_.empty() || !fits(claim, bytes)) return false;
    add(claim, bytes);
    return true;
  }
  // The same when others have given back. False: the waiter has given up.
  Task<bool> take(Claim& claim, uint64_t bytes, Waiter& waiter) {
    line_.push_back(&waiter);
    while (!waiter.given_up_ && (line_.front() != &waiter || !fits(claim, bytes))) {
      co_await waiter.waiting_.wait();
    }
    if (!waiter.given_up_) add(claim, bytes);
    std::erase(line_, &waiter);
    wake_first();
    co_return !waiter.given_up_;
  }

  // Half of it is in use: who begins should begin small.
  bool scarce() const { return held_bytes_ > bytes_max_ / 2; }
  uint64_t held_bytes() const { return held_bytes_; }
  uint64_t waiting_count() const { return line_.size(); }

 private:
  bool fits(const Claim& claim, uint64_t bytes) const {
    return held_bytes_ + bytes <= bytes_max_ || !beyond_limit_ || claim.beyond_limit_;
  }
  void add(Claim& claim, uint64_t bytes) {
    claim.memory_ = this;
    claim.bytes_ += bytes;
    held_bytes_ += bytes;
    if (held_bytes_ > bytes_max_) claim.beyond_limit_ = beyond_limit_ = true;
  }
  void give_back(Claim& claim) {
    held_bytes_ -= claim.bytes_;
    if (claim.beyond_limit_) beyond_limit_ = false;
    wake_first();
  }
  // Those whose turn it is run before this returns; not one on top of the other.
  void wake_first() {
    if (waking_) return;
    waking_ = true;
    while (!line_.empty()) {
      Waiter* const first = line_.front();
      first->waiting_.wake_all();
      if (!line_.empty() && line_.front() == first) break;
    }
    waking_ = false;
  }

  const uint64_t bytes_max_;
  uint64_t held_bytes_ = 0;
  bool beyond_limit_ = false;  // someone is
  bool waking_ = false;
  std::deque<Waiter*> line_;
};

}  // namespace penstock::kafka
