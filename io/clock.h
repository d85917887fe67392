// Time and timers of one reactor. Engine code knows no other time.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

namespace penstock {

// One pending wake-up, owned by whoever waits (often inside a coroutine frame) and linked into the clock while
// armed. Destroy it only when it is not armed.
struct Timer {
  using Fire = void (*)(Timer&);
  static constexpr size_t kNotArmed = ~size_t{0};

  Fire fire = nullptr;            // called once on the reactor, after the timer was disarmed
  void* owner = nullptr;          // for `fire`'s use
  uint64_t deadline_ns = 0;       // monotonic
  size_t queue_slot = kNotArmed;  // the clock's own book-keeping

  bool armed() const { return queue_slot != kNotArmed; }
};

class Clock {
 public:
  virtual ~Clock() = default;

  virtual uint64_t monotonic_ns() const = 0;  // never decreases; starts anywhere
  virtual int64_t wall_ms() const = 0;        // milliseconds since 1970 UTC; may jump either way

  // `timer` is not armed and stays put until it fires or is cancelled. A past deadline fires on the next turn.
  virtual void arm(Timer& timer, uint64_t deadline_ns) = 0;
  virtual void cancel(Timer& timer) = 0;  // no effect on one that is not armed

  // co_await clock.sleep_until(t): resumes on this reactor at or after `t`.
  class Sleep;
  Sleep sleep_until(uint64_t deadline_ns);
  Sleep sleep_for(uint64_t duration_ns);
};

class Clock::Sleep {
 public:
  Sleep(Clock& clock, uint64_t deadline_ns) : clock_(clock), deadline_ns_(deadline_ns) {}
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    timer_.owner = this;
    timer_.fire = [](Timer& timer) { static_cast<Sleep*>(timer.owner)->waiter_.resume(); };
    clock_.arm(timer_, deadline_ns_);
  }
  void await_resume() const {}

 private:
  Clock& clock_;
  uint64_t deadline_ns_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
};

inline Clock::Sleep Clock::sleep_until(uint64_t deadline_ns) { return {*this, deadline_ns}; }
inline Clock::Sleep Clock::sleep_for(uint64_t duration_ns) {
  return {*this, monotonic_ns() + duration_ns};
}

}  // namespace penstock
