#include "io/timer_heap.h"

#include "io/check.h"

namespace penstock {

void TimerHeap::arm(Timer& timer, uint64_t deadline_ns) {
  check(!timer.armed());
  timer.deadline_ns = deadline_ns;
  entries_.push_back({});
  sift_up(entries_.size() - 1, {deadline_ns, sequence_++, &timer});
}

void TimerHeap::cancel(Timer& timer) {
  if (!timer.armed()) return;
  const size_t slot = timer.queue_slot;
  check(slot < entries_.size());
  check(entries_[slot].timer == &timer);
  timer.queue_slot = Timer::kNotArmed;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (last.timer == &timer) return;
  if (slot > 0 && last.before(entries_[(slot - 1) / 2])) {
    sift_up(slot, last);
  } else {
    sift_down(slot, last);
  }
}

uint64_t TimerHeap::fire_due(uint64_t now_ns) {
  const uint64_t sequence_end = sequence_;
  uint64_t fired_count = 0;
  while (!entries_.empty()) {
    const Entry first = entries_.front();
    if (first.deadline_ns > now_ns || first.sequence >= sequence_end) break;
    cancel(*first.timer);
    first.timer->fire(*first.timer);
    ++fired_count;
  }
  return fired_count;
}

void TimerHeap::place(size_t slot, const Entry& entry) {
  entries_[slot] = entry;
  entry.timer->queue_slot = slot;
}

void TimerHeap::sift_up(size_t slot, const Entry& entry) {
  while (slot > 0) {
    const size_t parent = (slot - 1) / 2;
    if (!entry.before(entries_[parent])) break;
    place(slot, entries_[parent]);
    slot = parent;
  }
  place(slot, entry);
}

void TimerHeap::sift_down(size_t slot, const Entry& entry) {
  for (;;) {
    size_t child = 2 * slot + 1;
    if (child >= entries_.size()) break;
    if (child + 1 < entries_.size() && entries_[child + 1].before(entries_[child])) ++child;
    if (!entries_[child].before(entry)) break;
    place(slot, entries_[child]);
    slot = child;
  }
  place(slot, entry);
}

}  // namespace penstock
