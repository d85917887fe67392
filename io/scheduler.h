// Which reactor runs what. Reactors share nothing; they send each other messages.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "io/figures.h"
#include "io/task.h"

namespace penstock {

// One item of a reactor's mailbox. It lives in its sender's memory until it has run; `run` is called once, on the
// receiving reactor, and may post the message again (an answer travels in the same node).
struct Message {
  using Run = void (*)(Message&);
  Run run = nullptr;
  Message* next = nullptr;  // the mailbox's
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  virtual uint32_t reactor_index() const = 0;  // of the reactor this scheduler belongs to
  virtual uint32_t reactor_count() const = 0;

  virtual SchedulerFigures figures() const { return {}; }

  // Hands `message` to `reactor`, which may be this one: it then runs on the next turn of the loop. Messages from
  // one reactor to another run in the order they were posted. Never blocks, never fails: the queue is made of the
  // messages themselves, so it is bounded by what the senders hold.
  virtual void post(uint32_t reactor, Message& message) = 0;

  // co_await scheduler.yield(): lets the rest of the loop run first.
  class Yield;
  Yield yield();
};

class Scheduler::Yield : public Message {
 public:
  explicit Yield(Scheduler& scheduler) : scheduler_(scheduler) {}
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    run = [](Message& message) { static_cast<Yield&>(message).waiter_.resume(); };
    scheduler_.post(scheduler_.reactor_index(), *this);
  }
  void await_resume() const {}

 private:
  Scheduler& scheduler_;
  std::coroutine_handle<> waiter_;
};

inline Scheduler::Yield Scheduler::yield() { return Yield(*this); }

namespace scheduler_detail {
template <class T>
struct TaskValue;
template <class T>
struct TaskValue<Task<T>> {
  using Type = T;
};
}  // namespace scheduler_detail

// Runs `function`, which returns a Task<T>, on reactor `reactor`, and resumes here with its value. The function
// object lives in the caller's frame; what it refers to must be safe to touch from there (T must be owned values).
// On the same reactor it simply runs. Use:  auto x = co_await call_on(scheduler, k, [&] { return f(a); });
template <class Function>
auto call_on(Scheduler& scheduler, uint32_t reactor, Function function)
    -> Task<typename scheduler_detail::TaskValue<std::invoke_result_t<Function&>>::Type>;

namespace scheduler_detail {

template <class Function, class T>
class Call : public Message {
 public:
  using Stored = std::conditional_t<std::is_void_v<T>, bool, std::optional<T>>;
  Call(Scheduler& home, uint32_t reactor, Function& function)
      : home_(home), home_reactor_(home.reactor_index()), reactor_(reactor), function_(function) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    run = [](Message& message) { spawn(static_cast<Call&>(message).work()); };
    home_.post(reactor_, *this);
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }

 private:
  // On the other reactor. Answering through the home scheduler is right: `post` may be called from any reactor.
  Task<void> work() {
    if constexpr (std::is_void_v<T>) {
      co_await function_();
    } else {
      value_.emplace(co_await function_());
    }
    run = [](Message& message) { static_cast<Call&>(message).waiter_.resume(); };
    home_.post(home_reactor_, *this);
  }

  Scheduler& home_;
  uint32_t home_reactor_;
  uint32_t reactor_;
  Function& function_;
  std::coroutine_handle<> waiter_;
  Stored value_{};
};

}  // namespace scheduler_detail

template <class Function>
auto call_on(Scheduler& scheduler, uint32_t reactor, Function function)
    -> Task<typename scheduler_detail::TaskValue<std::invoke_result_t<Function&>>::Type> {
  using T = typename scheduler_detail::TaskValue<std::invoke_result_t<Function&>>::Type;
  if (reactor == scheduler.reactor_index()) co_return co_await function();
  scheduler_detail::Call<Function, T> call(scheduler, reactor, function);
  co_return co_await call;
}

}  // namespace penstock
