// A coroutine that starts when awaited and hands its value to whoever awaits it.
//
// Awaiting starts the task with a plain resume and goes on at once if it is done: no symmetric transfer, which
// g++ 12 turns into a tail call only at -O2 without sanitizers. So a loop of awaits that never suspend runs in
// constant stack, and a completion resumes at most the chain of callers that wait for it.
// A Task belongs to one reactor. Never destroy one that has started and not finished: a request of its may be in
// flight.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "io/check.h"
#include "io/frame_pool.h"

namespace penstock {

template <class T = void>
class Task;

namespace task_detail {

struct PromiseBase {
  static void* operator new(size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* frame) { FramePool::deallocate(frame); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    // The continuation may destroy this frame; nothing of it is touched afterwards.
    template <class P>
    void await_suspend(std::coroutine_handle<P> handle) noexcept {
      const std::coroutine_handle<> awaiting = handle.promise().continuation;
      if (awaiting) awaiting.resume();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }  // we throw nothing

  std::coroutine_handle<> continuation;  // set only once the awaiting side has suspended
};

template <class T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& value_in) {
    value.emplace(std::forward<U>(value_in));
  }
  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
};

}  // namespace task_detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) = delete;
  Task(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    handle_.resume();
    if (handle_.done()) return false;
    handle_.promise().continuation = awaiting;
    return true;
  }
  T await_resume() {
    check(handle_.done());
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().value);
  }

 private:
  Handle handle_;
};

namespace task_detail {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// Runs a Task<void> with nobody waiting; frees itself at its end.
struct Detached {
  struct promise_type {
    static void* operator new(size_t bytes) { return FramePool::allocate(bytes); }
    static void operator delete(void* frame) { FramePool::deallocate(frame); }
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

inline Detached run_detached(Task<void> task) { co_await task; }

}  // namespace task_detail

// Starts `task` now, on this reactor, up to its first suspension. Prefer TaskGroup (io/event.h), which can be
// waited for.
inline void spawn(Task<void> task) { task_detail::run_detached(std::move(task)); }

}  // namespace penstock
