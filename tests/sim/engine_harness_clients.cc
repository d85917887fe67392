// What the clients of an EngineRun do to its topics.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "engine/record_batch.h"
#include "tests/sim/engine_harness_state.h"

namespace penstock::sim {
namespace {

const char* name_of(Durability durability) {
  switch (durability) {
    case Durability::flushed: return "flushed";
    case Durability::written: return "written";
    case Durability::buffered: return "buffered";
  }
  return "";
}

}  // namespace

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

}  // namespace penstock::sim
