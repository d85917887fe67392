#include "io/reactor_thread.h"

#include <algorithm>
#include <utility>

#include "io/check.h"

namespace penstock {
namespace {

constexpr uint64_t kSpinNs = 50'000;
constexpr uint64_t kLoneOperationSpinNs = 200'000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ReactorThread::ReactorThread(ReactorGroup& group, uint32_t index, PollMode poll_mode,
                             BufferPool& buffers, Reporter& reporter)
    : group_(group), index_(index), poll_mode_(poll_mode), buffers_(buffers), reporter_(reporter) {
  farewell_.run = [](Message&) {};
}

void ReactorThread::attach() {
  thread_.store(FramePool::thread_identity(), std::memory_order_relaxed);
  FramePool::set_current(&frames_);
}

void ReactorThread::detach() {
  backend_.reset();
  FramePool::set_current(nullptr);
  thread_.store(nullptr, std::memory_order_relaxed);
}

void ReactorThread::run(const std::function<Task<void>(Doors&)>& main) {
  Doors doors{backend_->disk(), backend_->network(), clock_, random_, *this, buffers_, reporter_};
  counted_ns_ = clock_.monotonic_ns();
  spawn(run_main(main, doors));
  while (group_.running_main_count.load(std::memory_order_acquire) > 0 || !local_.empty() ||
         !mailbox_.empty()) {
    turn();
  }
}

Task<void> ReactorThread::run_main(const std::function<Task<void>(Doors&)>& main, Doors& doors) {
  Task<void> task = main(doors);
  co_await task;
  if (group_.running_main_count.fetch_sub(1, std::memory_order_acq_rel) > 1) co_return;
  for (const auto& member : group_.members) {
    if (member.get() != this) member->receive(member->farewell_);
  }
}

void ReactorThread::receive(Message& message) {
  // A thread other than this reactor's never finds its own identity here, so a relaxed look suffices.
  if (thread_.load(std::memory_order_relaxed) == FramePool::thread_identity()) {
    local_.push(message);
    return;
  }
  mailbox_.push(message);
  doorbell_.ring();
}

void ReactorThread::post(uint32_t reactor, Message& message) {
  check(reactor < group_.members.size());
  group_.members[reactor]->receive(message);
}

void ReactorThread::turn() {
  if (!local_.empty()) backend_->submit();
  uint64_t event_count = run_messages();
  uint64_t now_ns = clock_.monotonic_ns();
  const uint64_t fired_count = clock_.timers().fire_due(now_ns);
  if (fired_count > 0) now_ns = clock_.monotonic_ns();
  event_count += fired_count;
  if (event_count > 0) last_event_ns_ = now_ns;
  count_work(now_ns, event_count > 0);
  const uint64_t completed_count = poll(now_ns);
  if (completed_count > 0) last_event_ns_ = now_ns;
  polled_something_ = completed_count > 0;
}

// What was done since the last turn's count, or since this thread woke up: completions, messages, timers.
void ReactorThread::count_work(uint64_t now_ns, bool had_events) {
  ++figures_.turn_count;
  const uint64_t since_ns = std::max(counted_ns_, backend_->woken_ns());
  if (had_events || polled_something_) figures_.add_work(now_ns - since_ns);
  counted_ns_ = now_ns;
}

SchedulerFigures ReactorThread::figures() const { return {figures_, backend_->ring_figures()}; }

// What is posted meanwhile runs on the next turn.
uint64_t ReactorThread::run_messages() {
  uint64_t count = 0;
  for (Message* first : {local_.take_all(), mailbox_.take_all()}) {
    while (first != nullptr) {
      Message* next = first->next;
      first->run(*first);
      first = next;
      ++count;
    }
  }
  return count;
}

uint64_t ReactorThread::poll(uint64_t now_ns) {
  if (!local_.empty()) return backend_->poll(0);
  const bool spins = poll_mode_ == PollMode::spin ||
                     (poll_mode_ == PollMode::adaptive && now_ns < last_event_ns_ + spin_ns());
  if (!spins) return sleep(now_ns);
  const uint64_t event_count = backend_->poll(0);
  if (event_count == 0) relax();
  return event_count;
}

// A deep queue of the disk keeps it busy while this thread wakes up; a lone operation waits for it.
uint64_t ReactorThread::spin_ns() const {
  if (backend_->disk_awaits_nothing()) return kSpinNs;
  return backend_->disk_awaits_little() ? kLoneOperationSpinNs : 0;
}

uint64_t ReactorThread::sleep(uint64_t now_ns) {
  const uint64_t deadline_ns = clock_.timers().next_deadline_ns();
  uint64_t timeout_ns = deadline_ns == TimerHeap::kNever ? deadline_ns
                        : deadline_ns > now_ns           ? deadline_ns - now_ns
                                                         : 0;
  doorbell_.fall_asleep();
  if (!mailbox_.empty() || backend_->has_ready()) timeout_ns = 0;
  if (group_.running_main_count.load(std::memory_order_acquire) == 0) timeout_ns = 0;
  const uint64_t event_count = backend_->poll(timeout_ns);
  doorbell_.wake_up();
  return event_count;
}

}  // namespace penstock
