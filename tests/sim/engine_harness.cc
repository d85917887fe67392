#include "tests/sim/engine_harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/byte_io.h"
#include "engine/frame.h"
#include "engine/record_batch.h"
#include "engine/segment_header.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

const char* name_of(Durability durability) {
  switch (durability) {
    case Durability::flushed: return "flushed";
    case Durability::written: return "written";
    case Durability::buffered: return "buffered";
  }
  return "";
}

uint64_t hash_of_batch(std::span<const std::byte> batch) {
  return hash_of(batch.subspan(RecordBatch::kCrcStart));
}

}  // namespace

// One incarnation's engines. A crash abandons them.
struct EngineRun::Life {
  struct Reactor {
    std::unique_ptr<Engine> engine;
    std::optional<Result<void>> started;
    bool stopped = false;
  };
  std::unique_ptr<EngineGroup> group;
  std::vector<Reactor> reactors;

  // Its coroutines still refer to it, and no reactor owns it any more.
  static void abandon(std::unique_ptr<Life> life) { (void)life.release(); }
};

struct EngineRun::PlayedPartition {
  PartitionKey key;
  PartitionOracle oracle;
  int32_t epoch = 0;
  uint64_t lost_lives = 0;  // in a row
};

struct EngineRun::PlayedTopic {
  enum class State : uint8_t { creating, there, deleting, gone };
  TopicSpec spec;
  std::optional<TopicConfig::Entries> altering;  // a change is under way: to these
  TopicId id;
  State state = State::creating;
  Durability durability = Durability::flushed;
  bool replica = false;
  std::vector<std::unique_ptr<PlayedPartition>> partitions;
};

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
  world_.disk(node_).on_completion([this](const DiskRequest& request) { watch(request); });
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

// What the disk's errors excuse.
bool EngineRun::is_of_a_fault(Error error) const {
  if (swarm_.fault_ratio == 0) return false;
  return error == Error::io || error == Error::disk_full || error == Error::fenced;
}

void EngineRun::unexpected(const PlayedTopic& topic, const char* what, Error error) {
  const bool going =
      topic.state == PlayedTopic::State::deleting || topic.state == PlayedTopic::State::gone;
  if (going && (error == Error::not_found || error == Error::closed)) return;
  if (may_die_ && is_of_a_fault(error)) return;
  verdict_.broken(
      fmt::format("{}: {} answers {}", topic.spec.name, what, penstock::name_of(error)));
}

Task<void> EngineRun::verify() {
  verify_catalog();
  for (const auto& topic : topics_) {
    if (topic->state != PlayedTopic::State::there) continue;
    for (const auto& partition : topic->partitions) {
      unread_ = true;
      co_await verify_partition(*topic, *partition);
      if (unread_ || !verdict_.clean()) break;
    }
    if (unread_) break;
  }
  --running_clients_;
}

void EngineRun::verify_catalog() {
  const CatalogSnapshot& catalog = engine(0).catalog();
  for (const auto& topic : topics_) {
    const Topic* found = catalog.find(topic->spec.name);
    using State = PlayedTopic::State;
    switch (topic->state) {
      case State::creating:  // the crash decided
        topic->state = found != nullptr ? State::there : State::gone;
        if (found != nullptr) topic->id = found->id;
        break;
      case State::deleting: topic->state = found != nullptr ? State::there : State::gone; break;
      case State::there:
        if (found == nullptr) verdict_.broken("topic " + topic->spec.name + " is gone");
        break;
      case State::gone:
        if (found != nullptr) verdict_.broken("topic " + topic->spec.name + " is back");
        break;
    }
    if (found == nullptr) continue;
    if (topic->altering && found->config_entries == *topic->altering) {
      topic->spec.config_entries = *topic->altering;
    }
    topic->altering.reset();
    if (found->id != topic->id || found->partition_count != topic->spec.partition_count ||
        found->config_entries != topic->spec.config_entries) {
      verdict_.broken("topic " + topic->spec.name + " is not as it was made");
    }
    for (uint32_t index = 0; index < topic->spec.partition_count; ++index) {
      topic->partitions[index]->key = {topic->id, index};
    }
  }
  for (const auto& [name, topic] : catalog.topics()) {
    const auto known =
        std::ranges::find_if(topics_, [&](const auto& each) { return each->spec.name == name; });
    if (known == topics_.end()) verdict_.broken("topic " + name + " was never made");
  }
}

Task<void> EngineRun::verify_partition(PlayedTopic& topic, PlayedPartition& partition) {
  const Result<PartitionOffsets> offsets = co_await engine(0).offsets(partition.key);
  // A file that answers errors is one whose contents nobody knows.
  const bool unreadable =
      may_die_ && swarm_.fault_ratio > 0 && !offsets.ok() && offsets.error() == Error::corrupt;
  if (unreadable) co_return;
  if (!offsets.ok()) {
    unexpected(topic, "offsets", offsets.error());
    co_return;
  }
  std::vector<SeenBatch> batches;
  Offset at = offsets.value().log_start;
  const Offset end = offsets.value().high_watermark;
  while (at < end) {
    const Result<ReadResult> read =
        co_await engine(0).read(partition.key, at, random_.skewed(1 << 20));
    if (!read.ok()) {
      unexpected(topic, fmt::format("reading offset {} of {}", at.value, end.value).c_str(),
                 read.error());
      co_return;
    }
    if (read.value().next_offset <= at) {
      verdict_.broken(
          fmt::format("{}: nothing is read at {} below {}", topic.spec.name, at.value, end.value));
      co_return;
    }
    const std::vector<SeenBatch> more = parse(read.value());
    batches.insert(batches.end(), more.begin(), more.end());
    at = read.value().next_offset;
  }
  unread_ = false;
  partition.oracle.recovered(offsets.value(), batches);
  const bool lost = partition.oracle.lost_count() > 0;
  if (lost) world_.count("a tail was cut");
  partition.lost_lives = lost ? partition.lost_lives + 1 : 0;
  if (partition.lost_lives == 2) world_.count("a tail was cut in two lives in a row");
  if (verdict_.clean()) {
    co_await verify_times(partition, std::move(batches), offsets.value().log_start.value);
  }
}

// A lookup by time or by offset finds what a scan finds.
Task<void> EngineRun::verify_times(PlayedPartition& partition, std::vector<SeenBatch> batches,
                                   uint64_t log_start) {
  if (batches.empty()) co_return;
  for (int i = 0; i < 3; ++i) {
    const SeenBatch& target = batches[random_.below(batches.size())];
    const int64_t wanted = timestamp_of(target.id) + static_cast<int64_t>(random_.below(4)) - 1;
    std::optional<OffsetAndTimestamp> scanned;
    for (const SeenBatch& batch : batches) {
      for (uint64_t record = 0; record < batch.record_count && !scanned; ++record) {
        const int64_t timestamp = timestamp_of(batch.id) + static_cast<int64_t>(record);
        const uint64_t offset = batch.base_offset + record;
        if (timestamp < wanted || offset < log_start) continue;
        scanned = OffsetAndTimestamp{Offset{offset}, timestamp, {}};
      }
    }
    const auto found = co_await engine(0).find_timestamp(partition.key, wanted);
    if (!found.ok() && is_of_a_fault(found.error())) co_return;
    if (!found.ok()) {
      verdict_.broken(fmt::format("a search by time answers {}", penstock::name_of(found.error())));
      co_return;
    }
    const uint64_t found_offset = found.value() ? found.value()->offset.value : ~uint64_t{0};
    const uint64_t scanned_offset = scanned ? scanned->offset.value : ~uint64_t{0};
    if (found_offset != scanned_offset) {
      verdict_.broken(fmt::format("time {} is found at offset {}, a scan finds {}", wanted,
                                  found_offset, scanned_offset));
    }
    if (target.base_offset < log_start) continue;
    const Offset inside{target.base_offset + random_.below(target.record_count)};
    const Result<ReadResult> read = co_await engine(0).read(partition.key, inside, 1);
    if (!read.ok() && is_of_a_fault(read.error())) co_return;
    if (!read.ok() || parse(read.value()).size() != 1 ||
        parse(read.value()).front().id != target.id) {
      verdict_.broken(fmt::format("offset {} does not lead to its batch", inside.value));
    }
  }
}

Task<void> EngineRun::play_catalog(uint32_t reactor, uint64_t steps) {
  for (uint64_t step = 0; step < steps && verdict_.clean(); ++step) {
    const auto there = std::ranges::count_if(
        topics_, [](const auto& topic) { return topic->state != PlayedTopic::State::gone; });
    if (there < swarm_.topics_max) {
      co_await create_topic(reactor);
    } else if (random_.chance(0.1)) {
      co_await delete_topic(reactor);
    } else if (random_.chance(0.3)) {
      co_await alter_topic(reactor);
    }
    co_await engine(reactor).doors().clock.sleep_for(random_.skewed(5'000'000));
  }
  --running_clients_;
}

Task<void> EngineRun::create_topic(uint32_t reactor) {
  topics_.push_back(std::make_unique<PlayedTopic>());
  PlayedTopic& topic = *topics_.back();
  topic.spec.name = fmt::format("topic-{}", next_topic_++);
  topic.spec.partition_count = static_cast<uint32_t>(random_.between(1, swarm_.partitions_max));
  topic.replica = random_.chance(swarm_.replica_ratio);
  const Durability levels[] = {Durability::flushed, Durability::flushed, Durability::written,
                               Durability::buffered};
  topic.durability = levels[random_.below(4)];
  if (swarm_.fault_ratio > 0) topic.durability = Durability::flushed;
  topic.spec.config_entries["penstock.durability"] = name_of(topic.durability);
  if (random_.chance(0.5)) {
    topic.spec.config_entries["segment.bytes"] = std::to_string(10'000 << random_.below(5));
  }
  for (uint32_t index = 0; index < topic.spec.partition_count; ++index) {
    PartitionOracle oracle(
        fmt::format("{} {}/{}", name_of(topic.durability), topic.spec.name, index),
        topic.durability, topic.replica, verdict_);
    topic.partitions.push_back(std::make_unique<PlayedPartition>(
        PlayedPartition{PartitionKey{}, std::move(oracle), 0, 0}));
  }
  TopicSpec spec = topic.spec;
  const auto created = co_await engine(reactor).create_topic(std::move(spec));
  if (!created.ok()) {
    unexpected(topic, "create_topic", created.error());
    co_return;
  }
  topic.id = created.value()->id;
  topic.state = PlayedTopic::State::there;
  world_.count("a topic was created");
  for (uint32_t index = 0; index < topic.spec.partition_count; ++index) {
    PlayedPartition& partition = *topic.partitions[index];
    partition.key = {topic.id, index};
    const uint32_t owner = reactor_of(partition.key, static_cast<uint32_t>(life_->reactors.size()));
    ++running_clients_;
    world_.start(node_, owner, [this, &topic, &partition, owner] {
      return topic.replica ? play_replica(topic, partition, owner, swarm_.steps)
                           : play_plain(topic, partition, owner, swarm_.steps);
    });
  }
}

Task<void> EngineRun::delete_topic(uint32_t reactor) {
  const auto found = std::ranges::find_if(
      topics_, [](const auto& topic) { return topic->state == PlayedTopic::State::there; });
  if (found == topics_.end()) co_return;
  PlayedTopic& topic = **found;
  topic.state = PlayedTopic::State::deleting;
  const Result<void> deleted = co_await engine(reactor).delete_topic(topic.id);
  if (!deleted.ok()) {
    unexpected(topic, "delete_topic", deleted.error());
    co_return;
  }
  topic.state = PlayedTopic::State::gone;
  world_.count("a topic was deleted");
}

Task<void> EngineRun::alter_topic(uint32_t reactor) {
  PlayedTopic& topic = *topics_[random_.below(topics_.size())];
  // One change at a time, and none after one that may or may not have been made: what is expected stays known.
  if (topic.state != PlayedTopic::State::there || topic.altering) co_return;
  const std::string bytes = std::to_string(10'000 << random_.below(5));
  ConfigChanges changes;
  changes.changes.push_back({ConfigChange::Operation::set, "segment.bytes", bytes});
  topic.altering = topic.spec.config_entries;
  (*topic.altering)["segment.bytes"] = bytes;
  std::string what;
  const Result<void> altered =
      co_await engine(reactor).alter_topic(topic.id, std::move(changes), false, what);
  if (!altered.ok()) {
    unexpected(topic, "alter_topic", altered.error());
    co_return;
  }
  topic.spec.config_entries = *topic.altering;
  topic.altering.reset();
  world_.count("a topic was altered");
}

Task<void> EngineRun::play_plain(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                                 uint64_t steps) {
  for (uint64_t step = 0; step < steps && verdict_.clean(); ++step) {
    if (topic.state != PlayedTopic::State::there) break;
    const uint64_t choice = random_.below(100);
    if (choice < 55) {
      co_await append_burst(topic, partition, reactor, random_.skewed(8));
    } else if (choice < 80) {
      co_await read_some(topic, partition, reactor);
    } else if (choice < 85) {
      co_await truncate_prefix(topic, partition, reactor);
    } else {
      co_await engine(reactor).doors().clock.sleep_for(random_.skewed(4'000'000));
    }
  }
  --running_clients_;
}

Task<void> EngineRun::append_burst(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                                   uint64_t count) {
  std::vector<std::optional<uint64_t>> answers(count);
  TaskGroup group;
  for (uint64_t i = 0; i < count; ++i) {
    group.spawn(append_one(topic, partition, reactor, answers[i]));
  }
  co_await group.wait_empty();
  uint64_t last = 0;
  for (const std::optional<uint64_t>& answer : answers) {
    if (!answer) continue;
    if (*answer < last) verdict_.broken("batches of one reactor were not appended in their order");
    last = *answer;
  }
}

Task<void> EngineRun::append_one(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                                 std::optional<uint64_t>& answer) {
  const uint64_t id = next_id_++;
  std::vector<std::byte> batch = make_batch(id);
  partition.oracle.sent(id, record_count_of(id), hash_of_batch(batch), std::nullopt);
  Result<AppendResult> appended = Error::closed;
  const bool in_place = engine(reactor).owner_of(partition.key) == reactor && random_.chance(0.3);
  if (in_place) {
    Result<std::shared_ptr<Partition>> log = engine(reactor).local(partition.key);
    if (log.ok()) {
      appended = co_await append_in_place(*log.value(), batch, reactor);
    } else {
      appended = log.error();
    }
  } else if (random_.chance(0.3)) {
    appended = co_await append_linked(partition, batch, reactor);
  } else {
    appended = co_await engine(reactor).append(partition.key, batch);
  }
  if (!appended.ok()) {
    unexpected(topic, "append", appended.error());
    co_return;
  }
  answer = appended.value().base_offset.value;
  if (topic.state == PlayedTopic::State::there) partition.oracle.acknowledged(id, *answer);
}

// From memory that the log takes over, with an alignment that lets it, or not.
Task<Result<AppendResult>> EngineRun::append_linked(PlayedPartition& partition,
                                                    std::span<const std::byte> batch,
                                                    uint32_t reactor) {
  const size_t blocks = random_.below(3);
  const size_t off = random_.chance(0.2) ? 8 * random_.below(10) : 0;
  const size_t place = blocks * kDiskBlockBytes + Engine::kBatchPlace + off;
  Result<Buffer> memory = co_await allocate_buffer(engine(reactor).doors(), place + batch.size());
  if (!memory.ok()) co_return memory.error();
  std::ranges::fill(memory.value().bytes(), std::byte{0xEE});
  const std::span<std::byte> bytes = memory.value().bytes().subspan(place, batch.size());
  std::ranges::copy(batch, bytes.begin());
  const Result<AppendResult> appended =
      co_await engine(reactor).append(partition.key, bytes, &memory.value());
  if (appended.ok() && bytes.size() >= Engine::kLinkedBatchBytesMin && off == 0) {
    world_.count("a batch lay where it can be linked");
  }
  co_return appended;
}

// Reserved and filled in a while later; sometimes another reservation follows and is given up.
Task<Result<AppendResult>> EngineRun::append_in_place(Partition& log,
                                                      std::span<const std::byte> batch,
                                                      uint32_t reactor) {
  Clock& clock = engine(reactor).doors().clock;
  Result<FrameReservation> reserved = co_await log.reserve(batch.size());
  if (!reserved.ok()) co_return reserved.error();
  if (random_.chance(0.5)) co_await clock.sleep_for(random_.below(200'000));
  std::ranges::copy(batch, reserved.value().payload().begin());
  RecordBatch::Rules rules;
  rules.produced = false;
  const ParsedBatch parsed = RecordBatch::parse(batch, rules);
  NewFrame frame;
  frame.record_count = parsed.value().record_count();
  frame.offset_span = parsed.value().last_offset_delta() + 1;
  frame.max_timestamp_ms = parsed.value().header_max_timestamp_ms();
  Result<AppendResult> appended = co_await log.commit(reserved.value(), frame);
  if (!appended.ok() || random_.chance(0.8)) co_return appended;
  const Result<FrameReservation> given_up = co_await log.reserve(random_.skewed(50'000) + 1);
  if (!given_up.ok()) co_return appended;
  std::ranges::fill(given_up.value().payload(), std::byte{0xEE});
  if (random_.chance(0.5)) co_await clock.sleep_for(random_.below(200'000));
  co_return appended;
}

Task<void> EngineRun::read_some(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor) {
  PartitionOracle& oracle = partition.oracle;
  const uint64_t low = oracle.log_start();
  const uint64_t high = std::max(low, oracle.known_end());
  const Offset offset{random_.between(low, high)};
  const uint64_t cuts = oracle.cut_count();
  const Result<ReadResult> read =
      co_await engine(reactor).read(partition.key, offset, random_.skewed(200'000));
  const bool cut = oracle.cut_count() != cuts;
  if (!read.ok()) {
    const bool excused = cut || offset.value < oracle.log_start_max();
    if (read.error() == Error::offset_out_of_range && excused) co_return;
    unexpected(topic, fmt::format("read at {} of {} to {}", offset.value, low, high).c_str(),
               read.error());
    co_return;
  }
  if (topic.state != PlayedTopic::State::there) co_return;
  for (const SeenBatch& batch : parse(read.value())) {
    if (cut) {
      oracle.seen_during_cut(batch);
    } else {
      oracle.seen(batch);
    }
  }
  if (!cut) {
    oracle.seen_offsets(read.value().offsets, low);
    if (read.value().next_offset <= offset && offset.value < high) {
      verdict_.broken(fmt::format("nothing is read at {} below {}", offset.value, high));
    }
  }
  world_.count("a read while clients append");
}

Task<void> EngineRun::truncate_prefix(PlayedTopic& topic, PlayedPartition& partition,
                                      uint32_t reactor) {
  PartitionOracle& oracle = partition.oracle;
  if (oracle.known_end() <= oracle.log_start_max()) co_return;
  const Offset offset{random_.between(oracle.log_start_max(), oracle.known_end())};
  oracle.prefix_started(offset.value);
  const Result<PartitionOffsets> done =
      co_await engine(reactor).truncate_prefix(partition.key, offset);
  if (!done.ok()) {
    unexpected(topic, "truncate_prefix", done.error());
    co_return;
  }
  oracle.prefix_done(offset.value);
  world_.count("a prefix was truncated");
}

// A follower's life: batches at given offsets, now and then a new leader that knows another end.
Task<void> EngineRun::play_replica(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                                   uint64_t steps) {
  for (uint64_t step = 0; step < steps && verdict_.clean(); ++step) {
    if (topic.state != PlayedTopic::State::there) break;
    Result<std::shared_ptr<Partition>> log = engine(reactor).local(partition.key);
    if (!log.ok()) {
      unexpected(topic, "local", log.error());
      break;
    }
    TaskGroup reading;
    if (random_.chance(0.4)) reading.spawn(read_some(topic, partition, reactor));
    if (random_.chance(swarm_.cut_ratio)) {
      if (random_.chance(0.1)) {
        co_await reset(partition, log.value());
      } else {
        co_await cut_suffix(partition, log.value());
      }
    } else if (random_.chance(0.1)) {
      co_await truncate_prefix(topic, partition, reactor);
    } else {
      co_await replicate(partition, log.value());
    }
    co_await reading.wait_empty();
  }
  --running_clients_;
}

Task<void> EngineRun::replicate(PlayedPartition& partition, std::shared_ptr<Partition> log) {
  const uint64_t count = random_.skewed(6);
  uint64_t offset = log->offsets().log_end.value;
  TaskGroup group;
  for (uint64_t i = 0; i < count; ++i) {
    if (random_.chance(0.1)) offset += random_.below(5);
    const uint64_t id = next_id_++;
    group.spawn(append_given(partition, *log, offset, id));
    offset += record_count_of(id);
  }
  co_await group.wait_empty();
}

Task<void> EngineRun::append_given(PlayedPartition& partition, Partition& log, uint64_t offset,
                                   uint64_t id) {
  std::vector<std::byte> batch = make_batch(id);
  const auto count = static_cast<uint32_t>(record_count_of(id));
  partition.oracle.sent(id, count, hash_of_batch(batch), offset);
  NewFrame frame;
  frame.payload = batch;
  frame.record_count = count;
  frame.offset_span = count;
  frame.max_timestamp_ms = timestamp_of(id) + count - 1;
  frame.given_offset = Offset{offset};
  frame.given_epoch = LeaderEpoch{partition.epoch};
  const Result<AppendResult> appended = co_await log.append(frame);
  if (!appended.ok()) {
    if (appended.error() != Error::closed && appended.error() != Error::not_found &&
        !is_of_a_fault(appended.error()) &&
        (swarm_.fault_ratio == 0 || appended.error() != Error::invalid_argument)) {
      verdict_.broken(
          fmt::format("append at {} answers {}", offset, penstock::name_of(appended.error())));
    }
    co_return;
  }
  partition.oracle.acknowledged(id, appended.value().base_offset.value);
}

Task<void> EngineRun::cut_suffix(PlayedPartition& partition, std::shared_ptr<Partition> log) {
  const PartitionOffsets before = log->offsets();
  const uint64_t distance = random_.skewed(40);
  const uint64_t end = before.log_end.value;
  const uint64_t low = before.log_start.value;
  const uint64_t offset = end > low + distance ? end - distance : low;
  partition.oracle.cut_started(offset);
  const Result<void> cut = co_await log->truncate_suffix(Offset{offset});
  if (!cut.ok()) {
    if (cut.error() != Error::closed && !is_of_a_fault(cut.error())) {
      verdict_.broken(fmt::format("truncate_suffix answers {}", penstock::name_of(cut.error())));
    }
    co_return;
  }
  partition.oracle.cut_done(offset, log->offsets().log_end.value);
  ++partition.epoch;
  world_.count("a suffix was truncated");
}

Task<void> EngineRun::reset(PlayedPartition& partition, std::shared_ptr<Partition> log) {
  const uint64_t end = log->offsets().log_end.value;
  const uint64_t offset = random_.chance(0.5) ? end + random_.below(100) : random_.below(end + 1);
  partition.oracle.reset_started(offset);
  const Result<void> done = co_await log->reset(Offset{offset});
  if (!done.ok()) {
    if (done.error() != Error::closed && !is_of_a_fault(done.error())) {
      verdict_.broken(fmt::format("reset answers {}", penstock::name_of(done.error())));
    }
    co_return;
  }
  partition.oracle.reset_done(offset);
  world_.count("a partition was reset");
}

// Batches say who they are.

uint64_t EngineRun::record_count_of(uint64_t id) const {
  return swarm_.equal_batches ? 2 : 1 + SimRandom::mix(id) % 5;
}

int64_t EngineRun::timestamp_of(uint64_t id) const {
  return 1'000'000 + static_cast<int64_t>(SimRandom::mix(id ^ 0x55) % 3000);
}

std::vector<std::byte> EngineRun::make_batch(uint64_t id) {
  const uint64_t count = record_count_of(id);
  SimRandom random = SimRandom(id).fork("batch");
  const uint64_t bytes =
      swarm_.equal_batches ? swarm_.batch_bytes_max : random.skewed(swarm_.batch_bytes_max);
  std::vector<std::byte> value(8 + bytes / count);
  store(value.data(), id);
  for (size_t at = 8; at < value.size(); ++at) value[at] = static_cast<std::byte>(id + at / 64);
  RecordBatchBuilder builder(RecordBatchBuilder::Options{});
  for (uint64_t i = 0; i < count; ++i) {
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = timestamp_of(id) + static_cast<int64_t>(i);
    record.value = std::span<const std::byte>(value);
    builder.add(record);
  }
  return builder.build();
}

std::vector<SeenBatch> EngineRun::parse(const ReadResult& read) {
  std::vector<std::byte> bytes;
  for (const ReadSlice& slice : read.slices) {
    bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
  }
  std::vector<SeenBatch> batches;
  std::span<const std::byte> rest = bytes;
  RecordBatch::Rules rules;
  rules.produced = false;
  while (!rest.empty()) {
    const ParsedBatch batch = RecordBatch::parse(rest, rules);
    if (!batch.ok()) {
      verdict_.broken(
          fmt::format("what was read is no batch: {}", penstock::name_of(batch.fault())));
      break;
    }
    const std::optional<Record> record = batch.value().reader().next();
    SeenBatch seen;
    seen.id = load<uint64_t>(record->value->data());
    seen.base_offset = batch.value().base_offset().value;
    seen.record_count = batch.value().last_offset_delta() + 1;
    seen.hash = hash_of_batch(batch.value().bytes());
    batches.push_back(seen);
    rest = rest.subspan(batch.value().size_bytes());
  }
  return batches;
}

}  // namespace penstock::sim
