#include "io/timer_heap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace penstock {
namespace {

struct Noted {
  Timer timer;
  std::vector<uint64_t>* fired = nullptr;
};

void note(Timer& timer) {
  EXPECT_FALSE(timer.armed());
  static_cast<Noted*>(timer.owner)->fired->push_back(timer.deadline_ns);
}

TEST(TimerHeap, FiresInOrderOfDeadlineWhateverWasCancelled) {
  std::mt19937 random(1);
  std::vector<uint64_t> fired;
  std::vector<Noted> noted(2000);
  TimerHeap heap;
  for (Noted& each : noted) {
    each.fired = &fired;
    each.timer.owner = &each;
    each.timer.fire = note;
    heap.arm(each.timer, random() % 1000);
  }
  size_t left_count = 0;
  for (Noted& each : noted) {
    if (random() % 2 == 0) {
      heap.cancel(each.timer);
    } else {
      ++left_count;
    }
  }
  const uint64_t half_count = heap.fire_due(499);
  EXPECT_EQ(half_count, fired.size());
  EXPECT_GT(heap.next_deadline_ns(), 499u);
  heap.fire_due(1000);
  EXPECT_EQ(fired.size(), left_count);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  EXPECT_EQ(heap.next_deadline_ns(), TimerHeap::kNever);
}

struct Again {
  Timer timer;
  TimerHeap* heap = nullptr;
  int fired_count = 0;
};

TEST(TimerHeap, FiresATimerOnceEvenIfItArmsItselfInThePast) {
  TimerHeap heap;
  Again again{.timer = {}, .heap = &heap};
  again.timer.owner = &again;
  again.timer.fire = [](Timer& timer) {
    Again& owner = *static_cast<Again*>(timer.owner);
    ++owner.fired_count;
    owner.heap->arm(timer, 0);
  };
  heap.arm(again.timer, 0);
  EXPECT_EQ(heap.fire_due(10), 1u);
  EXPECT_EQ(heap.fire_due(10), 1u);
  EXPECT_EQ(again.fired_count, 2);
  heap.cancel(again.timer);
}

TEST(TimerHeap, FiresEqualDeadlinesInTheOrderTheyWereArmed) {
  std::vector<Timer> timers(100);
  std::vector<const Timer*> fired;
  TimerHeap heap;
  for (Timer& timer : timers) {
    timer.owner = &fired;
    timer.fire = [](Timer& each) {
      static_cast<std::vector<const Timer*>*>(each.owner)->push_back(&each);
    };
    heap.arm(timer, 5);
  }
  heap.fire_due(5);
  ASSERT_EQ(fired.size(), timers.size());
  for (size_t index = 0; index < timers.size(); ++index) EXPECT_EQ(fired[index], &timers[index]);
}

}  // namespace
}  // namespace penstock
