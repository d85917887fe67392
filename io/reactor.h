// The reactors of this process: one thread each, with its own disk, network, clock and memory.
//
//   auto reactors = Reactors::create(options, reporter);       // threads and backends are there, nothing runs yet
//   reactors.value()->start([&](Doors& doors) { return serve(doors, ...); });
//   ... wait for SIGTERM; then post() a message to each reactor that makes its serve() return ...
//   reactors.value()->join();
//
// Called from one foreign thread, except post(), which any thread may call.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/arena_pools.h"
#include "io/buffers.h"
#include "io/doors.h"
#include "io/reactor_thread.h"
#include "io/report.h"
#include "io/result.h"
#include "io/scheduler.h"
#include "io/task.h"

namespace penstock {

enum class BackendChoice : uint8_t {
  automatic,  // io_uring; where it is missing or forbidden, threads, with a line to the reporter
  uring,
  threads,
};

class Reactors {
 public:
  struct Options {
    uint32_t reactor_count = 1;
    std::vector<int>
        cores;  // pins reactor i to cores[i]; if not empty, there are as many reactors as cores
    BackendChoice backend = BackendChoice::automatic;
    PollMode poll_mode = PollMode::adaptive;
    size_t buffer_bytes_per_reactor = 64 << 20;  // rounded up to 4 MiB
    bool huge_pages = true;                      // try them
    uint32_t queue_depth = 256;      // requests handed to the kernel at once; more wait in turn
    uint32_t open_files_max = 4096;  // per reactor; one more is Error::busy
    uint32_t sockets_max = 8192;     // per reactor; one more is Error::busy
  };

  // Runs on every reactor, at the same time: it is called from each reactor's thread. The task it returns must end
  // all that it began before it returns: requests, tasks, timers, buffers.
  using Main = std::function<Task<void>(Doors&)>;

  // Error::unsupported: the asked backend does not work here. Error::invalid_argument: no such core, or no reactors.
  // Error::busy: out of descriptors. The reporter is told more, and outlives the reactors.
  static Result<std::unique_ptr<Reactors>> create(Options options, Reporter& reporter);
  Reactors(const Reactors&) = delete;
  ~Reactors();  // joins: if they were started, main must be about to return on every reactor

  void start(Main main);  // once
  void join();            // returns when main has returned on every reactor; callable again
  void run(Main main);    // start and join

  // From any thread; on a reactor, its Scheduler does the same. A message that arrives after main has returned on
  // all reactors never runs; after join() it is free.
  void post(uint32_t reactor, Message& message);

  uint32_t count() const { return static_cast<uint32_t>(threads_.size()); }
  const char* backend_name() const { return backend_name_; }  // "uring" or "threads"
  bool buffers_in_huge_pages() const { return arena_.in_huge_pages(); }

 private:
  // A line that every reactor has to tell is told once.
  class FirstTimes : public Reporter {
   public:
    explicit FirstTimes(Reporter& reporter) : reporter_(reporter) {}
    void report(Severity severity, std::string_view text) override;

   private:
    Reporter& reporter_;
    std::mutex mutex_;
    std::vector<std::string> told_;
  };
  enum class Command : uint8_t { none, make_uring, make_threads, run, quit };

  Reactors(Options options, Reporter& reporter);
  void start_threads();
  Result<void> choose_backend();
  Result<void> command(Command wanted);
  void thread_main(uint32_t index);
  Result<void> pin(uint32_t index);
  Result<void> make_backend(uint32_t index, Command which);
  Command next_command(Result<void> outcome, Command done);

  Options options_;
  FirstTimes reporter_;
  BufferArena arena_;
  ArenaPools pools_;
  ReactorGroup group_;
  std::vector<std::unique_ptr<ReactorThread>> members_;
  Main main_;
  const char* backend_name_ = "";

  // The steps that this thread makes the others take together.
  std::mutex mutex_;
  std::condition_variable changed_;
  Command command_ = Command::none;
  uint32_t arrived_count_ = 0;
  Result<void> outcome_;

  std::vector<std::thread> threads_;
};

}  // namespace penstock
