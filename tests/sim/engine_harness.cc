#include "tests/sim/engine_harness.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/byte_io.h"
#include "engine/frame.h"
#include "engine/record_batch.h"
#include "engine/segment_header.h"
#include "tests/sim/engine_harness_state.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

NodeOptions EngineRun::node_options(uint64_t seed) {
  SimRandom random = SimRandom(seed).fork("node options");
  NodeOptions node;
  node.reactor_count = 3;
  node.buffer_bytes = 16 << 20;
  node.disk.storage.shared_flush = random.chance(0.6);
  node.disk.storage.split_renames = random.chance(0.2);
  if (random.chance(0.3)) node.disk.flush_ns_max = 10'000'000;
  if (random.chance(0.3)) node.disk.stall_ratio = 0.05;
  node.disk.stall_ns = 5'000'000;
  return node;
}

EngineRun::Swarm EngineRun::swarm_of(uint64_t seed, const Options& options) {
  SimRandom random = SimRandom(seed).fork("swarm");
  Swarm swarm;
  const Family family =
      options.family.value_or(static_cast<Family>(random.below(5) < 3 ? 0 : 1 + random.below(2)));
  swarm.reactors_max = static_cast<uint32_t>(random.between(1, 3));
  swarm.topics_max = static_cast<uint32_t>(random.between(1, 3));
  swarm.partitions_max = static_cast<uint32_t>(random.between(1, 3));
  swarm.lives = static_cast<uint32_t>(random.between(3, 6));
  swarm.operations_max = 100 << random.below(6);
  swarm.steps = random.between(10, 100);
  swarm.batch_bytes_max = uint64_t{200} << random.below(11);
  swarm.equal_batches = random.chance(0.3);
  swarm.cut_ratio = random.chance(0.5) ? 0.1 : 0.3;
  if (family == Family::mixed) return swarm;
  if (family == Family::faults) {
    swarm.reactors_max = 1;
    const double ratios[] = {0.001, 0.005, 0.02};
    swarm.fault_ratio = ratios[random.below(3)];
    swarm.lives = 6;
    return swarm;
  }
  swarm.topics_max = 1;
  swarm.partitions_max = static_cast<uint32_t>(random.between(1, 2));
  swarm.lives = 8;
  swarm.operations_max = 80;
  swarm.equal_batches = family == Family::equal_batches || random.chance(0.7);
  swarm.batch_bytes_max = uint64_t{300} << random.below(6);
  swarm.replica_ratio = family == Family::cuts ? 1.0 : 0.0;
  swarm.cut_ratio = 0.4;
  swarm.early_crash_ratio = 0.2;
  return swarm;
}

EngineRun::EngineRun(uint64_t seed, Options options)
    : options_(options),
      swarm_(swarm_of(seed, options)),
      world_(seed),
      node_(world_.add_node(node_options(seed))),
      random_(world_.random("engine run")) {
  const bool disk_shares = node_options(seed).disk.storage.shared_flush;
  engine_options_.data_directories = {"/data"};
  engine_options_.shared_flush = disk_shares && random_.chance(0.8);
  engine_options_.segment_class_bytes = {64 << 10, 256 << 10, 1 << 20};
  const uint64_t pools[] = {0, 300 << 10, uint64_t{1} << 30};
  engine_options_.pool_bytes_max = pools[random_.below(3)];
  engine_options_.in_flight_bytes_max = uint64_t{16 << 10} << random_.below(9);
  engine_options_.open_files_max = 1 + random_.skewed(20);
  engine_options_.flush_interval_ns = 500'000 << random_.below(8);
  engine_options_.cleaner_enabled = false;  // none of its topics is compacted: see CompactionRun
  world_.disk(node_).on_completion([this](const DiskRequest& request, int64_t result) {
    if (result >= 0) watch(request);
  });
}

// Which ways a segment's file comes into use.
void EngineRun::watch(const DiskRequest& request) {
  if (request.operation == DiskOperation::open && request.options.create &&
      std::string_view(request.path).ends_with(".segment")) {
    world_.count("a segment file was made");
  }
  if (request.operation == DiskOperation::write && request.position == 0 && request.durable) {
    world_.count("a segment file was recycled");
  }
}

EngineRun::~EngineRun() {
  if (life_) Life::abandon(std::move(life_));
}

Engine& EngineRun::engine(uint32_t reactor) { return *life_->reactors[reactor].engine; }

// The story.

bool EngineRun::run() {
  for (uint32_t life = 0; life < swarm_.lives && verdict_.clean(); ++life) live_once(false);
  if (verdict_.clean()) live_once(true);
  return verdict_.clean();
}

void EngineRun::live_once(bool last) {
  if (!world_.is_up(node_)) world_.restart(node_);
  if (random_.chance(0.2)) {
    world_.jump_wall_clock(node_, static_cast<int64_t>(random_.below(7'200'000)) - 3'600'000);
  }
  count_frames_on_disk();
  may_die_ = !last;
  stopping_ = false;
  if (may_die_ && random_.chance(0.85)) plan_crash();
  const bool faulty = !last && swarm_.fault_ratio > 0;
  world_.disk(node_).set_io_error_ratio(faulty ? swarm_.fault_ratio : 0);
  world_.disk(node_).set_full_ratio(faulty && random_.chance(0.5) ? swarm_.fault_ratio : 0);
  if (!bring_up()) return;
  ++running_clients_;
  unread_ = false;
  world_.start(node_, 0, [this] { return verify(); });
  const auto all_done = [this] { return running_clients_ == 0; };
  const bool verified = run_until_dead_or(all_done, "reading everything back");
  if (!verified || !verdict_.clean()) return;
  if (unread_) {  // what nobody could read nobody can judge
    die(Crash::kill);
    return;
  }
  start_clients();
  if (!run_until_dead_or(all_done, "the clients")) return;
  if (!verdict_.clean()) return;
  if (!last && random_.chance(0.5)) {  // or what was planned for later
    const Crash kinds[] = {Crash::power, Crash::kill, Crash::power_lose_all};
    die(kinds[random_.below(3)]);
    return;
  }
  stopping_ = true;
  for (uint32_t reactor = 0; reactor < life_->reactors.size(); ++reactor) {
    world_.start(node_, reactor, [this, reactor] { return stop_engine(reactor); });
  }
  const auto all_stopped = [this] {
    return std::ranges::all_of(life_->reactors, [](const auto& each) { return each.stopped; });
  };
  if (!run_until_dead_or(all_stopped, "the stop")) return;
  for (const auto& topic : topics_) {
    for (const auto& partition : topic->partitions) partition->oracle.stopped();
  }
  note_reports();
  (void)world_.run_for(10'000'000);
  if (world_.is_up(node_) && world_.live_frame_count(node_) != 0) {
    verdict_.broken(
        fmt::format("{} coroutines are left after the stop", world_.live_frame_count(node_)));
  }
  for (auto& reactor : life_->reactors) reactor.engine.reset();
  past_lives_.push_back(std::move(life_));
  world_.count("orderly stop");
  // The process ends; its successor is another incarnation.
  world_.crash(node_, random_.chance(0.5) ? Crash::power : Crash::kill);
}

void EngineRun::die(Crash kind) {
  crash_kind_ = kind;
  world_.crash(node_, kind);
  note_death();
}

void EngineRun::plan_crash() {
  const Crash kinds[] = {Crash::power, Crash::power,          Crash::power,         Crash::kill,
                         Crash::kill,  Crash::power_lose_all, Crash::power_keep_all};
  crash_kind_ = kinds[random_.below(7)];
  const bool early = random_.chance(swarm_.early_crash_ratio);
  const uint64_t n =
      early ? random_.between(1, 40) : 20 + random_.between(1, swarm_.operations_max);
  world_.disk(node_).at_nth(n, [this] {
    if (may_die_) world_.crash(node_, crash_kind_);
  });
}

// False: the node died meanwhile.
bool EngineRun::run_until_dead_or(const std::function<bool()>& done, const char* what) {
  const RunEnd end = world_.run_until(
      [&] { return !world_.is_up(node_) || !verdict_.clean() || done(); }, 120 * kSecondNs);
  if (!world_.is_up(node_)) {
    note_death();
    return false;
  }
  if (end != RunEnd::done) verdict_.broken(fmt::format("{} came to no end", what));
  return verdict_.clean();
}

void EngineRun::note_death() {
  note_reports();
  running_clients_ = 0;
  for (const auto& topic : topics_) {
    for (const auto& partition : topic->partitions) partition->oracle.crashed(crash_kind_);
  }
  if (life_) Life::abandon(std::move(life_));
}

// Nothing that crashes alone do is an error to a person.
void EngineRun::note_reports() {
  const std::vector<std::string>& reports = world_.reports(node_);
  for (; reports_read_ < reports.size(); ++reports_read_) {
    if (reports[reports_read_].starts_with("error") && swarm_.fault_ratio == 0) {
      verdict_.broken("reported: " + reports[reports_read_]);
    }
  }
}

bool EngineRun::bring_up() {
  life_ = std::make_unique<Life>();
  const auto count = static_cast<uint32_t>(random_.between(1, swarm_.reactors_max));
  if (last_reactor_count_ > 0 && count != last_reactor_count_) {
    world_.count("a start on another number of reactors");
  }
  last_reactor_count_ = count;
  life_->group = std::make_unique<EngineGroup>(engine_options_, count);
  life_->reactors.resize(count);
  for (uint32_t reactor = 0; reactor < count; ++reactor) {
    Life::Reactor& each = life_->reactors[reactor];
    each.engine = std::make_unique<Engine>(world_.doors(node_, reactor), *life_->group);
    world_.start(node_, reactor, [this, reactor] { return start_engine(reactor); });
  }
  const auto all_started = [this] {
    return std::ranges::all_of(life_->reactors,
                               [](const auto& each) { return each.started.has_value(); });
  };
  if (!run_until_dead_or(all_started, "the start")) {
    world_.count("a death while starting");
    return false;
  }
  note_reports();
  for (const auto& each : life_->reactors) {
    if (!each.started->ok() && may_die_ && swarm_.fault_ratio > 0) {
      world_.count("a start failed");
      die(Crash::kill);
      return false;
    }
    if (!each.started->ok()) {
      verdict_.broken(
          fmt::format("the start answers {}", penstock::name_of(each.started->error())));
    }
  }
  return verdict_.clean();
}

// Frames of batches that may never come back, whole and valid by their own bytes, are what generations are for.
void EngineRun::count_frames_on_disk() {
  if (!random_.chance(0.3)) return;
  SimDisk& disk = world_.disk(node_);
  for (const std::string& name : disk.names("/data/segments")) {
    const std::vector<std::byte> bytes = disk.contents("/data/segments/" + name);
    for (size_t at = kSegmentHeaderBytes; at + kFrameHeaderBytes < bytes.size(); at += 8) {
      if (load<uint32_t>(&bytes[at]) != kFrameMagic) continue;
      RecordBatch::Rules rules;
      rules.produced = false;
      const ParsedBatch batch =
          RecordBatch::parse(std::span(bytes).subspan(at + kFrameHeaderBytes), rules);
      if (!batch.ok()) continue;
      const std::optional<Record> record = batch.value().reader().next();
      const uint64_t id = load<uint64_t>(record->value->data());
      for (const auto& topic : topics_) {
        for (const auto& partition : topic->partitions) {
          if (partition->oracle.is_dead(id)) world_.count("a dead frame lies on the disk");
        }
      }
    }
  }
}

void EngineRun::start_clients() {
  const auto count = static_cast<uint32_t>(life_->reactors.size());
  const auto start = [this](uint32_t reactor, std::function<Task<void>()> client) {
    ++running_clients_;
    world_.start(node_, reactor, std::move(client));
  };
  const auto catalog_reactor = static_cast<uint32_t>(random_.below(count));
  start(catalog_reactor,
        [this, catalog_reactor] { return play_catalog(catalog_reactor, 1 + random_.below(4)); });
  for (const auto& each : topics_) {
    PlayedTopic& topic = *each;
    if (topic.state != PlayedTopic::State::there) continue;
    for (const auto& played : topic.partitions) {
      PlayedPartition& partition = *played;
      if (topic.replica) {
        const uint32_t owner = reactor_of(partition.key, count);
        start(owner, [this, &topic, &partition, owner] {
          return play_replica(topic, partition, owner, swarm_.steps);
        });
        continue;
      }
      const uint64_t clients = random_.between(1, 2);
      for (uint64_t client = 0; client < clients; ++client) {
        const auto reactor = static_cast<uint32_t>(random_.below(count));
        start(reactor, [this, &topic, &partition, reactor] {
          return play_plain(topic, partition, reactor, swarm_.steps);
        });
      }
    }
  }
}

// On the node.

Task<void> EngineRun::start_engine(uint32_t reactor) {
  Life* const life = life_.get();
  life->reactors[reactor].started = co_await life->reactors[reactor].engine->start();
}

Task<void> EngineRun::stop_engine(uint32_t reactor) {
  Life* const life = life_.get();
  co_await life->reactors[reactor].engine->stop();
  life->reactors[reactor].stopped = true;
}

}  // namespace penstock::sim
