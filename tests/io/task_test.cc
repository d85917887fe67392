// Tasks, their frames, and how they wait for each other; no reactor needed.

#include "io/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "io/event.h"
#include "io/frame_pool.h"
#include "io/timer_heap.h"

namespace penstock {
namespace {

// Time that a test moves.
class ManualClock final : public Clock {
 public:
  uint64_t monotonic_ns() const override { return now_ns_; }
  int64_t wall_ms() const override { return static_cast<int64_t>(now_ns_ / 1'000'000); }
  void arm(Timer& timer, uint64_t deadline_ns) override { timers_.arm(timer, deadline_ns); }
  void cancel(Timer& timer) override { timers_.cancel(timer); }
  void advance_to(uint64_t now_ns) {
    now_ns_ = now_ns;
    timers_.fire_due(now_ns);
  }

 private:
  uint64_t now_ns_ = 0;
  TimerHeap timers_;
};

[[gnu::noinline]] uintptr_t stack_position() {
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

Task<uintptr_t> never_suspends() { co_return stack_position(); }

Task<void> awaits_a_million_times(uintptr_t& first, uintptr_t& last) {
  first = co_await never_suspends();
  for (int time = 0; time < 1'000'000; ++time) last = co_await never_suspends();
}

TEST(Task, AwaitsAMillionTasksThatNeverSuspendInConstantStack) {
  uintptr_t first = 0;
  uintptr_t last = 1;
  spawn(awaits_a_million_times(first, last));
  EXPECT_EQ(first, last);
}

Task<uintptr_t> suspends_once(WaitQueue& queue) {
  co_await queue.wait();
  co_return stack_position();
}

Task<void> awaits_many_wakes(WaitQueue& queue, std::vector<uintptr_t>& positions) {
  for (int time = 0; time < 1000; ++time) positions.push_back(co_await suspends_once(queue));
}

TEST(Task, ResumesInConstantStack) {
  WaitQueue queue;
  std::vector<uintptr_t> positions;
  spawn(awaits_many_wakes(queue, positions));
  while (!queue.empty()) queue.wake_all();
  ASSERT_EQ(positions.size(), 1000u);
  EXPECT_EQ(positions[1], positions.back());
}

Task<std::unique_ptr<int>> makes(int value) { co_return std::make_unique<int>(value); }

Task<void> adds(int& sum) {
  for (int value = 1; value <= 3; ++value) {
    const std::unique_ptr<int> made = co_await makes(value);
    sum += *made;
  }
}

TEST(Task, HandsItsValueToWhoeverAwaitsIt) {
  int sum = 0;
  spawn(adds(sum));
  EXPECT_EQ(sum, 6);
}

TEST(Task, NeverStartsWhenNobodyAwaitsIt) {
  int sum = 0;
  { const Task<void> unused = adds(sum); }
  EXPECT_EQ(sum, 0);
}

TEST(FramePool, GivesAFreedFrameToTheNextOfItsSize) {
  FramePool pool;
  FramePool::set_current(&pool);
  void* first = FramePool::allocate(200);
  void* second = FramePool::allocate(200);
  EXPECT_NE(first, second);
  EXPECT_EQ(pool.live_count(), 2u);
  FramePool::deallocate(first);
  EXPECT_EQ(FramePool::allocate(190), first);
  FramePool::deallocate(first);
  FramePool::deallocate(second);
  void* large = FramePool::allocate(1 << 20);
  EXPECT_EQ(pool.live_count(), 0u) << "large frames are the heap's";
  FramePool::deallocate(large);
  FramePool::set_current(nullptr);
}

Task<void> waits(WaitQueue& queue, int note, std::vector<int>& notes) {
  co_await queue.wait();
  notes.push_back(note);
}

TEST(WaitQueue, WakesInOrderThoseThatWaited) {
  WaitQueue queue;
  std::vector<int> notes;
  queue.wake_all();  // nobody: forgotten
  for (int note = 0; note < 3; ++note) spawn(waits(queue, note, notes));
  EXPECT_TRUE(notes.empty());
  queue.wake_all();
  EXPECT_EQ(notes, (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(queue.empty());
}

Task<void> waits_again(WaitQueue& queue, int& woken_count) {
  for (int time = 0; time < 3; ++time) {
    co_await queue.wait();
    ++woken_count;
  }
}

TEST(WaitQueue, WakesOnceEvenWhoeverWaitsAgainAtOnce) {
  WaitQueue queue;
  int woken_count = 0;
  spawn(waits_again(queue, woken_count));
  for (int expected = 1; expected <= 3; ++expected) {
    queue.wake_all();
    EXPECT_EQ(woken_count, expected);
  }
}

Task<void> waits_until(WaitQueue& queue, Clock& clock, uint64_t deadline_ns,
                       std::vector<bool>& outcomes) {
  outcomes.push_back(co_await queue.wait_until(clock, deadline_ns));
}

TEST(WaitQueue, GivesUpAtTheDeadline) {
  ManualClock clock;
  WaitQueue queue;
  std::vector<bool> outcomes;
  spawn(waits_until(queue, clock, 100, outcomes));
  spawn(waits_until(queue, clock, 200, outcomes));
  spawn(waits_until(queue, clock, 300, outcomes));
  clock.advance_to(99);
  EXPECT_TRUE(outcomes.empty());
  clock.advance_to(250);
  EXPECT_EQ(outcomes, (std::vector<bool>{false, false}));
  queue.wake_all();
  EXPECT_EQ(outcomes, (std::vector<bool>{false, false, true}));
  clock.advance_to(1000);
  EXPECT_EQ(outcomes.size(), 3u) << "its timer went with the wake";
}

struct Owner {
  WaitQueue queue;
};

Task<void> ends_the_owner(std::unique_ptr<Owner>& owner) {
  co_await owner->queue.wait();
  owner.reset();
}

TEST(WaitQueue, SurvivesThatAWaiterDestroysIt) {
  auto owner = std::make_unique<Owner>();
  int woken_count = 0;
  spawn(ends_the_owner(owner));
  const auto counts = [](WaitQueue& queue, int& count) -> Task<void> {
    co_await queue.wait();
    ++count;
  };
  spawn(counts(owner->queue, woken_count));
  owner->queue.wake_all();
  EXPECT_EQ(owner, nullptr);
  EXPECT_EQ(woken_count, 1);
}

Task<void> waits_for_a_group_of_its_own(WaitQueue& start, int& done_count) {
  const auto works = [](WaitQueue& queue, int& count) -> Task<void> {
    co_await queue.wait();
    ++count;
  };
  TaskGroup group;
  for (int time = 0; time < 3; ++time) group.spawn(works(start, done_count));
  EXPECT_EQ(group.live_count(), 3u);
  co_await group.wait_empty();
  EXPECT_EQ(done_count, 3);
  ++done_count;
}

TEST(TaskGroup, MayEndWithTheLastOfItsTasks) {
  WaitQueue start;
  int done_count = 0;
  spawn(waits_for_a_group_of_its_own(start, done_count));
  start.wake_all();
  EXPECT_EQ(done_count, 4);
}

}  // namespace
}  // namespace penstock
