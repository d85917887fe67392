// The event heap of a simulated world: virtual time, order, trace hash and counters.
//
// Everything in a world happens in events, one at a time, ordered by virtual time and, at equal times, by a seeded
// draw. Simulated doors schedule events here; tests use SimWorld.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/frame_pool.h"
#include "tests/sim/sim_random.h"

namespace penstock::sim {

class SimMemory;

// One reactor of one incarnation of a node. Never freed while events may name it: a crash only marks it dead, and
// events for a dead place are dropped unrun.
struct SimPlace {
  uint32_t node = 0;
  uint32_t reactor = 0;
  bool alive = true;
  uint64_t paused_until_ns = 0;
  SimMemory* memory = nullptr;  // of the incarnation
  FramePool frames;
};

enum class RunEnd : uint8_t {
  done,           // the predicate held
  deadline,       // virtual time ran out
  idle,           // nothing is left that could ever happen
  out_of_events,  // the budget of events is spent: a livelock; reported on standard error
};

class SimLoop {
 public:
  SimLoop(uint64_t seed, uint64_t events_max);
  SimLoop(const SimLoop&) = delete;

  uint64_t now_ns() const { return now_ns_; }
  uint64_t seed() const { return seed_; }
  uint64_t event_count() const { return event_count_; }
  const SimRandom& random() const { return random_; }  // to fork from

  // Runs `run` at `place` (null: nobody's) after `delay_ns`. Value: a slot for cancel(), good until it has run.
  size_t schedule(SimPlace* place, uint64_t delay_ns, std::function<void()> run);
  void cancel(size_t slot);
  // Runs `run` after the current event, or now if there is none.
  void defer(std::function<void()> run);

  RunEnd run_until(const std::function<bool()>& done, uint64_t within_ns);
  RunEnd run_for(uint64_t duration_ns);  // done, or out_of_events

  // The place whose event runs now; null between events.
  SimPlace* running() const { return running_; }
  // Doors are used on their own reactor or from outside the loop, never from another reactor.
  void require_at(const SimPlace& place) const;
  // Stops the process with the seed, the time and `message` if a rule of the doors is broken.
  void require(bool holds, const char* message) const;

  // Folds what happened into the trace hash, with the time. Only values that the seed determines: no addresses.
  void fold(const char* what, std::initializer_list<uint64_t> values);
  uint64_t trace_hash() const { return trace_hash_; }
  void set_trace(std::FILE* file) { trace_ = file; }  // one line per folded event

  void count(const std::string& name) { ++counters_[name]; }
  const std::map<std::string, uint64_t>& counters() const { return counters_; }

 private:
  struct Key {
    uint64_t time_ns;
    uint64_t tie;
    size_t slot;
  };
  struct Slot {
    SimPlace* place = nullptr;
    std::function<void()> run;  // empty: cancelled
  };
  static bool later(const Key& left, const Key& right);
  void push(uint64_t time_ns, size_t slot);
  void dispatch(size_t slot);

  uint64_t seed_;
  uint64_t events_max_;
  SimRandom random_;
  SimRandom ties_;
  uint64_t now_ns_ = 0;
  uint64_t event_count_ = 0;
  uint64_t trace_hash_;
  bool dispatching_ = false;
  SimPlace* running_ = nullptr;
  std::FILE* trace_ = nullptr;
  std::vector<Key> heap_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_slots_;
  std::vector<std::function<void()>> deferred_;
  std::map<std::string, uint64_t> counters_;
};

// A hash of bytes for the trace and for finding buffers that change in flight.
uint64_t hash_of(std::span<const std::byte> bytes);
uint64_t hash_of(std::string_view text);

}  // namespace penstock::sim
