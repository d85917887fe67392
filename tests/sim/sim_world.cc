#include "tests/sim/sim_world.h"

#include <algorithm>
#include <deque>
#include <string_view>

#include "io/check.h"
#include "tests/sim/sim_memory.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

struct WallClock {
  int64_t offset_ms = 0;
  int64_t drift_parts_per_million = 0;
};

class SimClock final : public Clock {
 public:
  SimClock(SimLoop& loop, SimPlace& place, const WallClock& wall, SimRandom random,
           uint64_t delay_ns_max)
      : loop_(loop),
        place_(place),
        wall_(wall),
        random_(random),
        offset_ns_(random_.below(uint64_t{1} << 50)),
        delay_ns_max_(delay_ns_max) {}

  // Starts anywhere in every incarnation, so that nobody comes to rely on where.
  uint64_t monotonic_ns() const override { return loop_.now_ns() + offset_ns_; }

  int64_t wall_ms() const override {
    const auto passed_ms = static_cast<int64_t>(loop_.now_ns() / kNsPerMs);
    return wall_.offset_ms + passed_ms + passed_ms * wall_.drift_parts_per_million / 1'000'000;
  }

  void arm(Timer& timer, uint64_t deadline_ns) override {
    if (!place_.alive) return;
    loop_.require_at(place_);
    loop_.require(!timer.armed(), "a timer was armed twice");
    timer.deadline_ns = deadline_ns;
    const uint64_t now_ns = monotonic_ns();
    uint64_t delay_ns = random_.below(delay_ns_max_ + 1);
    if (deadline_ns > now_ns) {
      const uint64_t wait_ns = deadline_ns - now_ns;
      delay_ns = wait_ns + delay_ns < wait_ns ? wait_ns : wait_ns + delay_ns;
    }
    Timer* armed = &timer;
    timer.queue_slot = loop_.schedule(&place_, delay_ns, [armed] {
      armed->queue_slot = Timer::kNotArmed;
      armed->fire(*armed);
    });
  }

  void cancel(Timer& timer) override {
    if (!timer.armed()) return;
    if (place_.alive) {
      loop_.require_at(place_);
      loop_.cancel(timer.queue_slot);
    }
    timer.queue_slot = Timer::kNotArmed;
  }

 private:
  SimLoop& loop_;
  SimPlace& place_;
  const WallClock& wall_;
  SimRandom random_;
  uint64_t offset_ns_;
  uint64_t delay_ns_max_;
};

class SimReporter final : public Reporter {
 public:
  explicit SimReporter(std::vector<std::string>& lines) : lines_(lines) {}
  void report(Severity severity, std::string_view text) override {
    constexpr const char* kNames[] = {"info: ", "warning: ", "error: "};
    lines_.push_back(kNames[static_cast<size_t>(severity)] + std::string(text));
  }

 private:
  std::vector<std::string>& lines_;
};

// The mailboxes of one incarnation: a queue per sender and receiver keeps their order whatever the delays.
class SimMailboxes {
 public:
  SimMailboxes(SimLoop& loop, std::vector<SimPlace*> places, SimRandom random,
               uint64_t delay_ns_max)
      : loop_(loop),
        places_(std::move(places)),
        random_(random),
        delay_ns_max_(delay_ns_max),
        queues_((places_.size() + 1) * places_.size()) {}

  uint32_t reactor_count() const { return static_cast<uint32_t>(places_.size()); }

  // Whose door it came through says nothing about who sends: an answer goes out through the asker's.
  void post(uint32_t reactor, Message& message) {
    loop_.require(reactor < places_.size(), "a message was posted to a reactor that is not there");
    SimPlace* target = places_[reactor];
    if (!target->alive) return;
    const SimPlace* sender = loop_.running();
    loop_.require(sender == nullptr || sender->node == target->node,
                  "a message was posted from another node");
    const size_t from = sender == nullptr ? places_.size() : sender->reactor;
    std::deque<Message*>& queue = queues_[from * places_.size() + reactor];
    queue.push_back(&message);
    loop_.schedule(target, 1 + random_.below(delay_ns_max_), [&queue] {
      Message& first = *queue.front();
      queue.pop_front();
      first.run(first);
    });
  }

 private:
  SimLoop& loop_;
  std::vector<SimPlace*> places_;
  SimRandom random_;
  uint64_t delay_ns_max_;
  std::vector<std::deque<Message*>> queues_;
};

class SimScheduler final : public Scheduler {
 public:
  SimScheduler(SimMailboxes& mailboxes, uint32_t reactor)
      : mailboxes_(mailboxes), reactor_(reactor) {}
  uint32_t reactor_index() const override { return reactor_; }
  uint32_t reactor_count() const override { return mailboxes_.reactor_count(); }
  void post(uint32_t reactor, Message& message) override { mailboxes_.post(reactor, message); }

 private:
  SimMailboxes& mailboxes_;
  uint32_t reactor_;
};

struct SimReactor {
  SimReactor(SimLoop& loop, uint32_t node, uint32_t reactor, SimMemory& memory,
             const WallClock& wall, const SimRandom& random, uint64_t timer_delay_ns_max)
      : place{.node = node, .reactor = reactor, .memory = &memory},
        clock(loop, place, wall, random.fork("timers", reactor), timer_delay_ns_max),
        chance(random.fork("chance", reactor)) {}

  SimPlace place;
  SimClock clock;
  SimRandom chance;
  std::unique_ptr<Disk> disk;
  std::unique_ptr<Network> network;
  std::unique_ptr<SimScheduler> scheduler;
  std::unique_ptr<SimReporter> reporter;
  std::unique_ptr<Doors> doors;
};

}  // namespace

// What one life of a node consists of.
class SimWorld::Incarnation {
 public:
  std::vector<std::unique_ptr<SimReactor>> reactors;
  std::unique_ptr<SimMailboxes> mailboxes;

  std::unique_ptr<SimMemory> memory;

  bool clean() const {
    return memory->all_free() &&
           std::all_of(reactors.begin(), reactors.end(),
                       [](const auto& reactor) { return reactor->place.frames.live_count() == 0; });
  }

  // Nothing of it runs again, and nobody may look at its buffers.
  static void abandon(std::unique_ptr<Incarnation> incarnation) {
    for (const auto& reactor : incarnation->reactors) reactor->place.alive = false;
    incarnation->memory->forbid();
    incarnation.release();
  }
};

struct SimWorld::Node {
  NodeOptions options;
  std::unique_ptr<SimDisk> disk;
  WallClock wall;
  std::vector<std::string> reports;
  uint64_t incarnation_count = 0;
  std::unique_ptr<Incarnation> incarnation;  // null while down
};

SimWorld::SimWorld(uint64_t seed, Options options)
    : loop_(seed, options.events_max),
      options_(options),
      network_(
          std::make_unique<SimNetwork>(loop_, loop_.random().fork("network"), options.network)) {}

SimWorld::~SimWorld() {
  for (const auto& node : nodes_) {
    if (node->incarnation == nullptr || node->incarnation->clean()) continue;
    Incarnation::abandon(std::move(node->incarnation));
  }
}

uint32_t SimWorld::add_node(NodeOptions options) {
  check(options.reactor_count > 0);
  const auto number = static_cast<uint32_t>(nodes_.size());
  auto node = std::make_unique<Node>();
  node->options = options;
  node->disk = std::make_unique<SimDisk>(loop_, loop_.random().fork("disk", number), options.disk);
  node->wall.offset_ms = options_.wall_ms_at_start;
  nodes_.push_back(std::move(node));
  restart(number);
  return number;
}

SimWorld::Node& SimWorld::node_at(uint32_t node) const {
  loop_.require(node < nodes_.size(), "a test named a node that is not there");
  return *nodes_[node];
}

void SimWorld::restart(uint32_t number) {
  Node& node = node_at(number);
  loop_.require(node.incarnation == nullptr, "a node was restarted that is up");
  const SimRandom random = loop_.random().fork("node", number).fork("life", node.incarnation_count);
  ++node.incarnation_count;
  loop_.fold("restart", {number, node.incarnation_count});

  auto incarnation = std::make_unique<Incarnation>();
  incarnation->memory =
      std::make_unique<SimMemory>(node.options.reactor_count, node.options.buffer_bytes);
  std::vector<SimPlace*> places;
  for (uint32_t index = 0; index < node.options.reactor_count; ++index) {
    auto reactor = std::make_unique<SimReactor>(loop_, number, index, *incarnation->memory,
                                                node.wall, random, options_.timer_delay_ns_max);
    places.push_back(&reactor->place);
    reactor->disk = node.disk->make_door(reactor->place);
    reactor->network = network_->make_door(reactor->place);
    reactor->reporter = std::make_unique<SimReporter>(node.reports);
    incarnation->reactors.push_back(std::move(reactor));
  }
  incarnation->mailboxes = std::make_unique<SimMailboxes>(
      loop_, std::move(places), random.fork("messages"), options_.message_delay_ns_max);
  for (const auto& reactor : incarnation->reactors) {
    reactor->scheduler =
        std::make_unique<SimScheduler>(*incarnation->mailboxes, reactor->place.reactor);
    reactor->doors =
        std::make_unique<Doors>(Doors{.disk = *reactor->disk,
                                      .network = *reactor->network,
                                      .clock = reactor->clock,
                                      .random = reactor->chance,
                                      .scheduler = *reactor->scheduler,
                                      .buffers = incarnation->memory->pool(reactor->place.reactor),
                                      .reporter = *reactor->reporter});
  }
  node.incarnation = std::move(incarnation);
}

void SimWorld::crash(uint32_t node, Crash kind) {
  loop_.defer([this, node, kind] { crash_now(node, kind); });
}

void SimWorld::crash_now(uint32_t number, Crash kind) {
  Node& node = node_at(number);
  if (node.incarnation == nullptr) return;
  loop_.fold("crash", {number, static_cast<uint64_t>(kind)});
  // The disk first: it still reads the buffers of writes in flight.
  node.disk->crash(kind);
  network_->crash(number);
  Incarnation::abandon(std::move(node.incarnation));
}

Doors& SimWorld::doors(uint32_t number, uint32_t reactor) {
  const Node& node = node_at(number);
  loop_.require(node.incarnation != nullptr, "the doors of a node that is down");
  loop_.require(reactor < node.incarnation->reactors.size(), "the doors of no reactor");
  return *node.incarnation->reactors[reactor]->doors;
}

SimDisk& SimWorld::disk(uint32_t node) { return *node_at(node).disk; }

SimNetwork& SimWorld::network() { return *network_; }

uint64_t SimWorld::life_of(uint32_t number) const {
  const Node& node = node_at(number);
  return node.incarnation == nullptr ? 0 : node.incarnation_count;
}

uint32_t SimWorld::node_count() const { return static_cast<uint32_t>(nodes_.size()); }

void SimWorld::pause(uint32_t node, uint64_t duration_ns) {
  for (uint32_t reactor = 0; reactor < node_at(node).options.reactor_count; ++reactor) {
    pause(node, reactor, duration_ns);
  }
}

void SimWorld::pause(uint32_t number, uint32_t reactor, uint64_t duration_ns) {
  const Node& node = node_at(number);
  loop_.require(node.incarnation != nullptr, "a node was paused that is down");
  SimPlace& place = node.incarnation->reactors[reactor]->place;
  place.paused_until_ns = std::max(place.paused_until_ns, loop_.now_ns() + duration_ns);
}

void SimWorld::jump_wall_clock(uint32_t node, int64_t by_ms) {
  node_at(node).wall.offset_ms += by_ms;
}

void SimWorld::set_wall_drift(uint32_t node, int64_t parts_per_million) {
  node_at(node).wall.drift_parts_per_million = parts_per_million;
}

void SimWorld::start(uint32_t number, uint32_t reactor, std::function<Task<void>()> function) {
  const Node& node = node_at(number);
  loop_.require(node.incarnation != nullptr, "a task was started on a node that is down");
  SimPlace& place = node.incarnation->reactors[reactor]->place;
  loop_.schedule(&place, 0, [function = std::move(function)] { spawn(function()); });
}

RunEnd SimWorld::run_until(const std::function<bool()>& done, uint64_t within_ns) {
  return loop_.run_until(done, within_ns);
}

RunEnd SimWorld::run_for(uint64_t duration_ns) { return loop_.run_for(duration_ns); }

SimRandom SimWorld::random(std::string_view purpose, uint64_t index) const {
  return loop_.random().fork("test").fork(purpose, index);
}

uint64_t SimWorld::count_of(const std::string& name) const {
  const auto found = counters().find(name);
  return found == counters().end() ? 0 : found->second;
}

const std::vector<std::string>& SimWorld::reports(uint32_t node) const {
  return node_at(node).reports;
}

uint64_t SimWorld::live_frame_count(uint32_t number) const {
  const Node& node = node_at(number);
  uint64_t count = 0;
  if (node.incarnation == nullptr) return count;
  for (const auto& reactor : node.incarnation->reactors)
    count += reactor->place.frames.live_count();
  return count;
}

}  // namespace penstock::sim
