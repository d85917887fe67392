// Reactors: messages between them and from outside, time, how they start, sleep and stop.

#include "io/reactor.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <set>
#include <thread>

#include "io/event.h"
#include "tests/io/reactor_fixture.h"

namespace penstock {
namespace {

class RealReactor : public RealReactors {};
ON_BOTH_BACKENDS(RealReactor);

Task<uint32_t> reactor_of(uint32_t reactor, uint64_t& visit_count) {
  ++visit_count;
  co_return reactor;
}

Task<void> calls_across(Doors& doors, std::vector<Doors*>& all, uint64_t call_count) {
  Scheduler& scheduler = doors.scheduler;
  all[scheduler.reactor_index()] = &doors;
  if (scheduler.reactor_index() != 0) co_return;
  uint64_t visit_count = 0;  // touched on the other reactor only while this one waits
  for (uint64_t call = 0; call < call_count; ++call) {
    const uint32_t reactor = static_cast<uint32_t>(call % 2);
    const uint32_t answer =
        co_await call_on(scheduler, reactor, [&] { return reactor_of(reactor, visit_count); });
    EXPECT_EQ(answer, reactor);
  }
  EXPECT_EQ(visit_count, call_count);
}

TEST_P(RealReactor, CallsAnotherReactorAndIsAnswered) {
  for (const PollMode mode : {PollMode::wait, PollMode::adaptive}) {
    Reactors::Options two = options(2);
    two.poll_mode = mode;
    std::vector<Doors*> all(2);
    run(two, [&](Doors& doors) { return calls_across(doors, all, 10'000); });
    EXPECT_NE(all[0], all[1]);
  }
}

struct Stream {
  struct Numbered : Message {
    uint64_t number = 0;
    Stream* stream = nullptr;
  };
  std::vector<Numbered> messages;
  uint64_t received_count = 0;
  bool in_order = true;
  WaitQueue done;
};

void take(Message& message) {
  auto& numbered = static_cast<Stream::Numbered&>(message);
  Stream& stream = *numbered.stream;
  stream.in_order &= numbered.number == stream.received_count;
  if (++stream.received_count == stream.messages.size()) stream.done.wake_all();
}

// Each reactor sends to the other, and waits for what the other sends.
Task<void> streams(Doors& doors, std::vector<Stream>& streams) {
  const uint32_t self = doors.scheduler.reactor_index();
  const uint32_t other = 1 - self;
  for (auto& message : streams[self].messages) doors.scheduler.post(other, message);
  Stream& arriving = streams[other];
  while (arriving.received_count < arriving.messages.size()) co_await arriving.done.wait();
}

TEST_P(RealReactor, ReceivesAHundredThousandMessagesInOrder) {
  std::vector<Stream> both(2);
  for (Stream& stream : both) {
    stream.messages = std::vector<Stream::Numbered>(100'000);
    uint64_t number = 0;
    for (auto& message : stream.messages) {
      message.run = take;
      message.number = number++;
      message.stream = &stream;
    }
  }
  run(options(2), [&](Doors& doors) { return streams(doors, both); });
  for (const Stream& stream : both) {
    EXPECT_EQ(stream.received_count, 100'000u);
    EXPECT_TRUE(stream.in_order);
  }
}

struct Stop : Message {
  bool asked = false;
  WaitQueue changed;
};

Task<void> serve_until(Stop& stop, std::atomic<bool>& waiting) {
  waiting = true;
  while (!stop.asked) co_await stop.changed.wait();
}

TEST_P(RealReactor, WakesForAMessageFromAnotherThread) {
  for (const PollMode mode : {PollMode::wait, PollMode::adaptive, PollMode::spin}) {
    Reactors::Options waiting_mode = options();
    waiting_mode.poll_mode = mode;
    const auto reactors = make(waiting_mode);
    Stop stop;
    stop.run = [](Message& message) {
      auto& asked = static_cast<Stop&>(message);
      asked.asked = true;
      asked.changed.wake_all();
    };
    std::atomic<bool> waiting = false;
    reactors->start([&](Doors&) { return serve_until(stop, waiting); });
    while (!waiting) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // long asleep, if it sleeps
    reactors->post(0, stop);
    reactors->join();
    EXPECT_TRUE(stop.asked);
  }
}

// Many senders at once, each message sent again from the reactor: the paths that a thread sanitizer should see.
TEST_P(RealReactor, TakesMessagesFromManyThreads) {
  constexpr uint64_t kSenderCount = 4;
  constexpr uint64_t kMessageCount = 2000;
  struct Counted : Message {
    std::atomic<uint64_t>* count = nullptr;
  };
  const auto reactors = make(options());
  std::atomic<uint64_t> count = 0;
  std::vector<std::vector<Counted>> messages(kSenderCount);
  Stop stop;
  std::atomic<bool> waiting = false;
  reactors->start([&](Doors&) { return serve_until(stop, waiting); });
  std::vector<std::thread> senders;
  for (auto& mine : messages) {
    mine = std::vector<Counted>(kMessageCount);
    senders.emplace_back([&reactors, &mine, &count] {
      for (Counted& message : mine) {
        message.count = &count;
        message.run = [](Message& ran) { ++*static_cast<Counted&>(ran).count; };
        reactors->post(0, message);
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  stop.run = [](Message& message) {
    auto& asked = static_cast<Stop&>(message);
    asked.asked = true;
    asked.changed.wake_all();
  };
  reactors->post(0, stop);
  reactors->join();
  EXPECT_EQ(count, kSenderCount * kMessageCount);
}

Task<void> note_after(Clock& clock, uint64_t deadline_ns, int note, std::vector<int>& notes) {
  co_await clock.sleep_until(deadline_ns);
  EXPECT_GE(clock.monotonic_ns(), deadline_ns);
  notes.push_back(note);
}

Task<void> sleeps_in_order(Doors& doors, std::vector<int>& notes) {
  const uint64_t now_ns = doors.clock.monotonic_ns();
  TaskGroup sleepers;
  sleepers.spawn(note_after(doors.clock, now_ns + 30'000'000, 3, notes));
  sleepers.spawn(note_after(doors.clock, now_ns + 10'000'000, 1, notes));
  sleepers.spawn(note_after(doors.clock, now_ns + 20'000'000, 2, notes));
  sleepers.spawn(note_after(doors.clock, 0, 0, notes));
  EXPECT_TRUE(notes.empty()) << "a past deadline waits for the next turn too";
  Timer never;
  never.fire = [](Timer&) { ADD_FAILURE() << "cancelled"; };
  doors.clock.arm(never, now_ns + 15'000'000);
  EXPECT_TRUE(never.armed());
  doors.clock.cancel(never);
  doors.clock.cancel(never);
  EXPECT_FALSE(never.armed());
  co_await sleepers.wait_empty();
}

TEST_P(RealReactor, FiresTimersInOrderAndForgetsCancelledOnes) {
  for (const PollMode mode : {PollMode::wait, PollMode::adaptive}) {
    Reactors::Options sleeping = options();
    sleeping.poll_mode = mode;
    std::vector<int> notes;
    run(sleeping, [&](Doors& doors) { return sleeps_in_order(doors, notes); });
    EXPECT_EQ(notes, (std::vector<int>{0, 1, 2, 3}));
  }
}

Task<void> takes_turns(Scheduler& scheduler, int note, std::vector<int>& notes) {
  for (int time = 0; time < 3; ++time) {
    notes.push_back(note);
    co_await scheduler.yield();
  }
}

Task<void> two_take_turns(Doors& doors, std::vector<int>& notes) {
  TaskGroup both;
  both.spawn(takes_turns(doors.scheduler, 1, notes));
  both.spawn(takes_turns(doors.scheduler, 2, notes));
  co_await both.wait_empty();
}

TEST_P(RealReactor, LetsOthersRunWhenItYields) {
  std::vector<int> notes;
  run([&](Doors& doors) { return two_take_turns(doors, notes); });
  EXPECT_EQ(notes, (std::vector<int>{1, 2, 1, 2, 1, 2}));
}

Task<void> flushes(Doors& doors, FileId file) {
  EXPECT_TRUE((co_await doors.disk.flush(file)).ok());
}

// Submits from within a completion and lets others run: whether the kernel has it by then.
Task<void> submits_and_yields(Doors& doors, const std::string& path, uint64_t& enter_count) {
  const Result<FileId> file = co_await doors.disk.open(path, {.create = true});
  EXPECT_TRUE(file.ok());
  co_await flushes(doors, file.value());
  const uint64_t before = doors.scheduler.figures().ring.enter_count;
  TaskGroup tasks;
  tasks.spawn(flushes(doors, file.value()));
  co_await doors.scheduler.yield();
  enter_count = doors.scheduler.figures().ring.enter_count - before;
  co_await tasks.wait_empty();
  EXPECT_TRUE((co_await doors.disk.close(file.value())).ok());
}

TEST_P(RealReactor, HandsOverWhatIsSubmittedBeforeOthersRun) {
  uint64_t enter_count = 0;
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return submits_and_yields(doors, path, enter_count); });
  EXPECT_EQ(enter_count, GetParam() == BackendChoice::uring ? 1u : 0u);  // threads have it at once
}

Task<void> draws(Doors& doors, std::set<uint64_t>& numbers) {
  for (int time = 0; time < 1000; ++time) numbers.insert(doors.random.next());
  co_return;
}

TEST_P(RealReactor, DrawsNumbersThatNeverRepeat) {
  std::set<uint64_t> numbers;
  run([&](Doors& doors) { return draws(doors, numbers); });
  run([&](Doors& doors) { return draws(doors, numbers); });
  EXPECT_EQ(numbers.size(), 2000u);
}

Task<void> frees_elsewhere(Doors& doors, Buffer& crossing, size_t& size_bytes) {
  Scheduler& scheduler = doors.scheduler;
  if (scheduler.reactor_index() != 0) co_return;
  for (int time = 0; time < 1000; ++time) {
    crossing = doors.buffers.allocate(size_bytes).value();
    const auto give_back = [](Buffer& buffer) -> Task<void> {
      buffer.reset();
      co_return;
    };
    co_await call_on(scheduler, 1, [&] { return give_back(crossing); });
  }
  const auto all = doors.buffers.allocate(size_bytes);
  EXPECT_TRUE(all.ok());
}

// Half of the pool at a time: were blocks lost on their way back, the third would not be there.
TEST_P(RealReactor, GetsBlocksBackThatAnotherReactorFreed) {
  Buffer crossing;
  size_t size_bytes = BufferPool::kBlockBytesMax;
  run(options(2), [&](Doors& doors) { return frees_elsewhere(doors, crossing, size_bytes); });
}

TEST_P(RealReactor, EndsWithoutHavingStarted) {
  const auto reactors = make(options(2));
  EXPECT_EQ(reactors->count(), 2u);
  reactors->join();
}

TEST(Reactors, RefuseOptionsThatMakeNoSense) {
  Lines lines;
  EXPECT_EQ(Reactors::create({.reactor_count = 0}, lines).error(), Error::invalid_argument);
  EXPECT_EQ(Reactors::create({.queue_depth = 0}, lines).error(), Error::invalid_argument);
  EXPECT_EQ(Reactors::create({.cores = {100'000}, .buffer_bytes_per_reactor = 1}, lines).error(),
            Error::invalid_argument);
  ASSERT_FALSE(lines.lines().empty());
  EXPECT_NE(lines.lines().back().find("core 100000"), std::string::npos);
}

TEST(Reactors, PinThemselvesToTheirCores) {
  Lines lines;
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int core = 0;
  while (!CPU_ISSET(static_cast<size_t>(core), &allowed)) ++core;
  auto reactors = Reactors::create({.cores = {core}, .buffer_bytes_per_reactor = 1}, lines);
  int ran_on = -1;
  const auto note = [](int& core_seen) -> Task<void> {
    cpu_set_t mine;
    if (::sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) == 1) {
      core_seen = ::sched_getcpu();
    }
    co_return;
  };
  reactors.value()->run([&](Doors&) { return note(ran_on); });
  EXPECT_EQ(ran_on, core);
}

// As a container's profile does.
void forbid_io_uring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  check(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

Task<void> sleeps_a_little(Doors& doors) { co_await doors.clock.sleep_for(1'000'000); }

[[noreturn]] void start_without_io_uring() {
  forbid_io_uring();
  Lines lines;
  Reactors::Options options{.reactor_count = 2,
                            .backend = BackendChoice::uring,
                            .buffer_bytes_per_reactor = 1,
                            .huge_pages = false};
  const auto asked_for = Reactors::create(options, lines);
  check(!asked_for.ok());
  check(asked_for.error() == Error::unsupported);
  check(lines.lines().size() == 1);
  options.backend = BackendChoice::automatic;
  const auto chosen = Reactors::create(options, lines);
  check(chosen.ok());
  check(std::string_view(chosen.value()->backend_name()) == "threads");
  chosen.value()->run(sleeps_a_little);
  std::fprintf(stderr, "%s", lines.lines().back().c_str());
  std::exit(0);
}

TEST(Reactors, RunOnThreadsWhereIoUringIsForbiddenAndSaySo) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(start_without_io_uring(), testing::ExitedWithCode(0), "instead of io_uring");
}

}  // namespace
}  // namespace penstock
