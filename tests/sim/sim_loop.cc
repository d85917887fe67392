#include "tests/sim/sim_loop.h"

#include <xxhash.h>

#include <algorithm>
#include <cinttypes>
#include <utility>

#include "io/check.h"

namespace penstock::sim {

SimLoop::SimLoop(uint64_t seed, uint64_t events_max)
    : seed_(seed),
      events_max_(events_max),
      random_(seed),
      ties_(random_.fork("ties")),
      trace_hash_(SimRandom::mix(seed)) {}

bool SimLoop::later(const Key& left, const Key& right) {
  if (left.time_ns != right.time_ns) return left.time_ns > right.time_ns;
  if (left.tie != right.tie) return left.tie > right.tie;
  return left.slot > right.slot;
}

void SimLoop::push(uint64_t time_ns, size_t slot) {
  heap_.push_back({.time_ns = time_ns, .tie = ties_.next(), .slot = slot});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

size_t SimLoop::schedule(SimPlace* place, uint64_t delay_ns, std::function<void()> run) {
  check(run != nullptr);
  size_t slot = slots_.size();
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot].place = place;
  slots_[slot].run = std::move(run);
  // Beyond the end of virtual time means never; saturate rather than wrap into the past.
  const uint64_t never_ns = ~uint64_t{0};
  push(delay_ns > never_ns - now_ns_ ? never_ns : now_ns_ + delay_ns, slot);
  return slot;
}

void SimLoop::cancel(size_t slot) { slots_[slot].run = nullptr; }

void SimLoop::defer(std::function<void()> run) {
  if (dispatching_) {
    deferred_.push_back(std::move(run));
  } else {
    run();
  }
}

void SimLoop::dispatch(size_t slot) {
  SimPlace* place = slots_[slot].place;
  const std::function<void()> run = std::move(slots_[slot].run);
  slots_[slot].run = nullptr;
  free_slots_.push_back(slot);

  dispatching_ = true;
  running_ = place;
  FramePool::set_current(place != nullptr ? &place->frames : nullptr);
  run();
  FramePool::set_current(nullptr);
  running_ = nullptr;
  dispatching_ = false;
  while (!deferred_.empty()) {
    const std::vector<std::function<void()>> deferred = std::exchange(deferred_, {});
    for (const auto& after : deferred) after();
  }
}

RunEnd SimLoop::run_until(const std::function<bool()>& done, uint64_t within_ns) {
  check(!dispatching_);
  const uint64_t deadline_ns = now_ns_ + within_ns;
  while (true) {
    if (done()) return RunEnd::done;
    if (heap_.empty()) return RunEnd::idle;
    const Key key = heap_.front();
    if (key.time_ns > deadline_ns) {
      now_ns_ = deadline_ns;
      return RunEnd::deadline;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
    Slot& slot = slots_[key.slot];
    if (slot.run == nullptr || (slot.place != nullptr && !slot.place->alive)) {
      slot.run = nullptr;
      free_slots_.push_back(key.slot);
      continue;
    }
    if (slot.place != nullptr && slot.place->paused_until_ns > key.time_ns) {
      push(slot.place->paused_until_ns, key.slot);
      continue;
    }
    if (event_count_ == events_max_) {
      push(key.time_ns, key.slot);
      std::fprintf(stderr,
                   "simulation seed %" PRIu64 ": %" PRIu64 " events spent at %" PRIu64
                   " ns of virtual time; a livelock?\n",
                   seed_, event_count_, now_ns_);
      return RunEnd::out_of_events;
    }
    ++event_count_;
    now_ns_ = key.time_ns;
    fold("event", {slot.place == nullptr ? ~uint64_t{0} : slot.place->node,
                   slot.place == nullptr ? ~uint64_t{0} : slot.place->reactor});
    dispatch(key.slot);
  }
}

RunEnd SimLoop::run_for(uint64_t duration_ns) {
  const uint64_t end_ns = now_ns_ + duration_ns;
  const RunEnd end = run_until([] { return false; }, duration_ns);
  if (end == RunEnd::out_of_events) return end;
  now_ns_ = end_ns;  // also past the last event there is
  return RunEnd::done;
}

void SimLoop::require_at(const SimPlace& place) const {
  require(!dispatching_ || running_ == &place, "a door was used from another reactor");
}

void SimLoop::require(bool holds, const char* message) const {
  if (holds) return;
  std::fprintf(stderr, "simulation seed %" PRIu64 " at %" PRIu64 " ns: %s\n", seed_, now_ns_,
               message);
  check_failed(__FILE__, __LINE__);
}

void SimLoop::fold(const char* what, std::initializer_list<uint64_t> values) {
  trace_hash_ = SimRandom::mix(trace_hash_ ^ now_ns_);
  for (const uint64_t value : values) trace_hash_ = SimRandom::mix(trace_hash_ ^ value) + 1;
  if (trace_ == nullptr) return;
  std::fprintf(trace_, "%" PRIu64 " %s", now_ns_, what);
  for (const uint64_t value : values) std::fprintf(trace_, " %" PRIu64, value);
  std::fprintf(trace_, "\n");
}

uint64_t hash_of(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace penstock::sim
