// One reactor: its mailbox, timers and memory, and the loop that a thread runs in it.
//
// Made and destroyed by its Reactors; everything but receive() belongs to the thread between attach and detach.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "io/arena_pools.h"
#include "io/backend.h"
#include "io/doorbell.h"
#include "io/doors.h"
#include "io/fifo.h"
#include "io/frame_pool.h"
#include "io/inbox.h"
#include "io/kernel_clock.h"
#include "io/kernel_random.h"
#include "io/scheduler.h"

namespace penstock {

enum class PollMode : uint8_t {
  adaptive,  // spins for 50 us after the last event, for 200 us when a lone small disk operation is awaited, not
  // at all when a lot is; then sleeps
  spin,  // never sleeps: lowest latency, a whole core
  wait,  // sleeps at once
};

class ReactorThread;

// What the reactors of one process have in common; unchanged while they run but for the count.
struct ReactorGroup {
  std::span<const std::unique_ptr<ReactorThread>> members;
  std::atomic<uint32_t> running_main_count{0};
};

class ReactorThread final : public Scheduler {
 public:
  ReactorThread(ReactorGroup& group, uint32_t index, PollMode poll_mode, BufferPool& buffers,
                Reporter& reporter);
  ~ReactorThread() override = default;  // after the thread has detached

  Doorbell& doorbell() { return doorbell_; }

  void attach();
  void set_backend(std::unique_ptr<Backend> backend) { backend_ = std::move(backend); }
  // Runs `main` here, and the loop until main has returned on every reactor of the group.
  void run(const std::function<Task<void>(Doors&)>& main);
  void detach();

  // From any thread: `message` runs here.
  void receive(Message& message);

  uint32_t reactor_index() const override { return index_; }
  uint32_t reactor_count() const override { return static_cast<uint32_t>(group_.members.size()); }
  void post(uint32_t reactor, Message& message) override;
  SchedulerFigures figures() const override;

 private:
  Task<void> run_main(const std::function<Task<void>(Doors&)>& main, Doors& doors);
  void turn();
  void count_work(uint64_t now_ns, bool had_events);
  uint64_t run_messages();
  uint64_t poll(uint64_t now_ns);
  uint64_t spin_ns() const;
  uint64_t sleep(uint64_t now_ns);

  ReactorGroup& group_;
  const uint32_t index_;
  const PollMode poll_mode_;
  BufferPool& buffers_;
  Reporter& reporter_;

  FramePool frames_;
  KernelClock clock_;
  KernelRandom random_;
  Doorbell doorbell_;
  Inbox<Message> mailbox_;  // from other threads
  Fifo<Message> local_;     // from this one
  Message farewell_;  // the last main's end, told to each reactor so that none sleeps through it
  std::unique_ptr<Backend> backend_;
  std::atomic<const void*> thread_{nullptr};  // whose loop this is
  uint64_t last_event_ns_ = 0;
  LoopFigures figures_;
  uint64_t counted_ns_ = 0;        // until when the work is counted
  bool polled_something_ = false;  // by the turn before
};

}  // namespace penstock
