// A simulated world: nodes with reactors, disks and a network, in one thread, in virtual time, from one seed.
//
//   SimWorld world(seed);
//   const uint32_t node = world.add_node({.reactor_count = 2});
//   auto size = world.call(node, 0, [&] { return write_file(world.doors(node, 0)); });  // runs until it returned
//   world.crash(node, Crash::power);
//   world.restart(node);
//   ... read back through world.doors(node, 0), which are new ones
//
// Code under test runs in the events of a node's reactor, started by start() or call(), and reaches the world through
// that reactor's Doors only. The same seed and the same code give the same run and the same trace_hash().
//
// A crash abandons what runs on the node: its coroutines are never resumed and its objects never destroyed; they leak
// (run with ASAN_OPTIONS=detect_leaks=0), and their doors turn deaf. The owner of objects that live there lets go of
// them too (unique_ptr::release()): destroying them would free coroutine frames that no reactor owns any more. Their
// buffers become inaccessible, so a stray use ends the test.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "io/doors.h"
#include "io/task.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_random.h"

namespace penstock::sim {

struct NodeOptions {
  uint32_t reactor_count = 1;
  size_t buffer_bytes = 16 << 20;  // per reactor; a multiple of BufferPool::kBlockBytesMax
  SimDisk::Options disk;
};

class SimWorld {
 public:
  struct Options {
    uint64_t events_max = 20'000'000;
    uint64_t message_delay_ns_max = 5'000;  // between reactors
    uint64_t timer_delay_ns_max = 50'000;   // timers fire this late at most
    int64_t wall_ms_at_start = 1'760'000'000'000;
    SimNetwork::Options network;
  };
  explicit SimWorld(uint64_t seed) : SimWorld(seed, Options()) {}
  SimWorld(uint64_t seed, Options options);
  SimWorld(const SimWorld&) = delete;
  ~SimWorld();

  // Nodes. A new node is up, its disk empty but for the root directory. Node n is at SimNetwork::host_of(n).
  uint32_t add_node(NodeOptions options);
  uint32_t add_node() { return add_node(NodeOptions()); }
  Doors& doors(uint32_t node, uint32_t reactor = 0);  // of the incarnation that is up
  SimDisk& disk(uint32_t node);
  SimNetwork& network();
  bool is_up(uint32_t node) const { return life_of(node) != 0; }
  uint64_t life_of(
      uint32_t node) const;  // 1 for its first incarnation, one more for each next; 0 while down
  uint32_t node_count() const;

  // Called from within an event, it happens right after it. A node that is down stays down.
  void crash(uint32_t node, Crash kind = Crash::power);
  void restart(uint32_t node);  // it is down
  // Its reactors stand still; then they find everything that came meanwhile.
  void pause(uint32_t node, uint64_t duration_ns);
  void pause(uint32_t node, uint32_t reactor, uint64_t duration_ns);

  // Wall clocks: a jump from now on, and a drift in parts per million of the time since the world began.
  void jump_wall_clock(uint32_t node, int64_t by_ms);
  void set_wall_drift(uint32_t node, int64_t parts_per_million);

  // Starts function(), a Task<void>, on a reactor of a node that is up, at its next turn.
  void start(uint32_t node, uint32_t reactor, std::function<Task<void>()> function);
  // Runs function(), a Task<T>, on that reactor, and the world until it has returned. Empty (for void: false) if it
  // did not within `within_ns`, or the node died.
  template <class Function>
  auto call(uint32_t node, uint32_t reactor, Function function,
            uint64_t within_ns = 60'000'000'000);

  // Runs events until `done` holds after one of them, or within_ns of virtual time has passed.
  [[nodiscard]] RunEnd run_until(const std::function<bool()>& done, uint64_t within_ns);
  // Runs all events of the next `duration_ns`; done, or out_of_events.
  RunEnd run_for(uint64_t duration_ns);

  uint64_t now_ns() const { return loop_.now_ns(); }
  uint64_t seed() const { return loop_.seed(); }
  uint64_t event_count() const { return loop_.event_count(); }
  uint64_t trace_hash() const { return loop_.trace_hash(); }
  void set_trace(std::FILE* file) { loop_.set_trace(file); }  // a line per event, to compare runs
  // For the test's own choices: a stream per purpose, the same for the same seed.
  SimRandom random(std::string_view purpose, uint64_t index = 0) const;

  // "Sometimes" counters: that a thing happened at all, over many seeds.
  void count(const std::string& name) { loop_.count(name); }
  uint64_t count_of(const std::string& name) const;
  const std::map<std::string, uint64_t>& counters() const { return loop_.counters(); }

  // What a node's incarnations reported, in order.
  const std::vector<std::string>& reports(uint32_t node) const;
  // Coroutine frames alive on a node: back to what it was before when nothing is stuck.
  uint64_t live_frame_count(uint32_t node) const;

 private:
  class Incarnation;
  struct Node;

  void crash_now(uint32_t node, Crash kind);
  Node& node_at(uint32_t node) const;

  SimLoop loop_;
  Options options_;
  std::unique_ptr<SimNetwork> network_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

namespace world_detail {

template <class T, class Function>
Task<void> keep_value(std::shared_ptr<Function> function, std::shared_ptr<std::optional<T>> value) {
  value->emplace(co_await (*function)());
}

template <class Function>
Task<void> keep_done(std::shared_ptr<Function> function, std::shared_ptr<bool> done) {
  co_await (*function)();
  *done = true;
}

template <class T>
struct TaskValue;
template <class T>
struct TaskValue<Task<T>> {
  using Type = T;
};

}  // namespace world_detail

template <class Function>
auto SimWorld::call(uint32_t node, uint32_t reactor, Function function, uint64_t within_ns) {
  using T = typename world_detail::TaskValue<std::invoke_result_t<Function&>>::Type;
  // Shared with the task, which may outlive this call, stuck on a dead node.
  const auto kept = std::make_shared<Function>(std::move(function));
  const uint64_t life = life_of(node);
  if constexpr (std::is_void_v<T>) {
    const auto done = std::make_shared<bool>(false);
    start(node, reactor, [kept, done] { return world_detail::keep_done(kept, done); });
    (void)run_until([&] { return *done || life_of(node) != life; }, within_ns);
    return *done;
  } else {
    const auto value = std::make_shared<std::optional<T>>();
    start(node, reactor, [kept, value] { return world_detail::keep_value<T>(kept, value); });
    (void)run_until([&] { return value->has_value() || life_of(node) != life; }, within_ns);
    return std::optional<T>(std::move(*value));
  }
}

}  // namespace penstock::sim
