#include "io/reactor.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "io/check.h"
#include "io/slot_table.h"

namespace penstock {
namespace {

constexpr uint32_t kReactorCountMax = 1024;
constexpr uint32_t kQueueDepthMax = 32768;  // the kernel's own

size_t rounded_up(size_t size_bytes) {
  constexpr size_t kUnit = BufferPool::kBlockBytesMax;
  return std::max<size_t>(1, (size_bytes + kUnit - 1) / kUnit) * kUnit;
}

// Signals are the host's affair: threads made inside a scope of this never take one, except those that tell of a
// fault or belong to a profiler.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t signals;
    ::sigfillset(&signals);
    for (const int kept : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF}) {
      ::sigdelset(&signals, kept);
    }
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

void Reactors::FirstTimes::report(Severity severity, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (std::ranges::find(told_, text) != told_.end()) return;
  told_.emplace_back(text);
  reporter_.report(severity, text);
}

Result<std::unique_ptr<Reactors>> Reactors::create(Options options, Reporter& reporter) {
  if (!options.cores.empty()) {
    options.reactor_count = static_cast<uint32_t>(options.cores.size());
  }
  const bool sensible =
      options.reactor_count > 0 && options.reactor_count <= kReactorCountMax &&
      options.queue_depth > 0 && options.queue_depth <= kQueueDepthMax &&
      options.open_files_max > 0 && options.open_files_max <= SlotTable<int>::kCapacityMax &&
      options.sockets_max > 0 && options.sockets_max <= SlotTable<int>::kCapacityMax;
  if (!sensible) return Error::invalid_argument;
  options.buffer_bytes_per_reactor = rounded_up(options.buffer_bytes_per_reactor);
  std::unique_ptr<Reactors> reactors(new Reactors(std::move(options), reporter));
  for (const auto& member : reactors->members_) {
    if (member->doorbell().descriptor() < 0) return Error::busy;
  }
  reactors->start_threads();
  const auto chosen = reactors->choose_backend();
  if (!chosen.ok()) return chosen.error();
  return reactors;
}

Reactors::Reactors(Options options, Reporter& reporter)
    : options_(std::move(options)),
      reporter_(reporter),
      arena_({.size_bytes = options_.buffer_bytes_per_reactor * options_.reactor_count,
              .huge_pages = options_.huge_pages}),
      pools_(arena_, options_.reactor_count) {
  if (options_.huge_pages && !arena_.in_huge_pages()) {
    reporter_.report(
        Severity::info,
        "no reserved huge pages for buffers (vm.nr_hugepages): transparent ones are asked "
        "for; without any, large disk writes are slower");
  }
  for (uint32_t index = 0; index < options_.reactor_count; ++index) {
    members_.push_back(std::make_unique<ReactorThread>(group_, index, options_.poll_mode,
                                                       pools_.pool(index), reporter));
  }
  group_.members = members_;
}

Reactors::~Reactors() { join(); }

void Reactors::start_threads() {
  const SignalsBlocked blocked;
  for (uint32_t index = 0; index < options_.reactor_count; ++index) {
    threads_.emplace_back([this, index] { thread_main(index); });
    const std::string name = "penstock-" + std::to_string(index);
    ::pthread_setname_np(threads_.back().native_handle(), name.c_str());
  }
}

// Each step is tried on the very threads that will depend on it: a container may forbid them what it allows others.
Result<void> Reactors::choose_backend() {
  const auto pinned = command(Command::none);
  if (!pinned.ok()) return pinned;
  if (options_.backend != BackendChoice::threads) {
    const auto made = command(Command::make_uring);
    if (made.ok()) {
      backend_name_ = "uring";
      return {};
    }
    if (options_.backend == BackendChoice::uring) return made;
    reporter_.report(Severity::warning,
                     "running on threads and epoll instead of io_uring: correct, but slower and "
                     "dearer in processor time");
  }
  backend_name_ = "threads";
  return command(Command::make_threads);
}

void Reactors::start(Main main) {
  main_ = std::move(main);
  group_.running_main_count.store(count(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  check(command_ == Command::none);
  command_ = Command::run;
  changed_.notify_all();
}

void Reactors::join() {
  {
    const std::lock_guard lock(mutex_);
    if (command_ == Command::none) {
      command_ = Command::quit;
      changed_.notify_all();
    }
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Reactors::run(Main main) {
  start(std::move(main));
  join();
}

void Reactors::post(uint32_t reactor, Message& message) {
  check(reactor < members_.size());
  members_[reactor]->receive(message);
}

// Waits until all threads have carried out `wanted`; the first error any of them met. Command::none: what they do
// before their first command.
Result<void> Reactors::command(Command wanted) {
  std::unique_lock lock(mutex_);
  if (wanted != Command::none) {
    arrived_count_ = 0;
    command_ = wanted;
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return arrived_count_ == threads_.size(); });
  command_ = Command::none;
  return std::exchange(outcome_, Result<void>());
}

// On a reactor's thread: tells how the last command went and waits for another one.
Reactors::Command Reactors::next_command(Result<void> outcome, Command done) {
  std::unique_lock lock(mutex_);
  if (outcome_.ok() && !outcome.ok()) outcome_ = outcome;
  ++arrived_count_;
  changed_.notify_all();
  changed_.wait(lock, [this, done] { return command_ != Command::none && command_ != done; });
  return command_;
}

void Reactors::thread_main(uint32_t index) {
  ReactorThread& member = *members_[index];
  member.attach();
  Result<void> outcome = pin(index);
  Command done = Command::none;
  for (;;) {
    done = next_command(outcome, done);
    if (done == Command::run) member.run(main_);
    if (done == Command::run || done == Command::quit) break;
    outcome = make_backend(index, done);
  }
  member.detach();
}

Result<void> Reactors::pin(uint32_t index) {
  if (options_.cores.empty()) return {};
  const int core = options_.cores[index];
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (core >= 0 && core < CPU_SETSIZE) CPU_SET(static_cast<size_t>(core), &cores);
  if (::pthread_setaffinity_np(::pthread_self(), sizeof cores, &cores) == 0) return {};
  reporter_.report(Severity::error,
                   "core " + std::to_string(core) + " does not exist or is not allowed here");
  return Error::invalid_argument;
}

Result<void> Reactors::make_backend(uint32_t index, Command which) {
  const BackendParts parts{.doorbell = members_[index]->doorbell(),
                           .pools = pools_,
                           .reporter = reporter_,
                           .queue_depth = options_.queue_depth,
                           .open_files_max = options_.open_files_max,
                           .sockets_max = options_.sockets_max};
  members_[index]->set_backend(nullptr);
  auto made =
      which == Command::make_uring ? make_uring_backend(parts) : make_threads_backend(parts);
  if (!made.ok()) return made.error();
  members_[index]->set_backend(std::move(made).value());
  return {};
}

}  // namespace penstock
