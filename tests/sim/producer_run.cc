#include "tests/sim/producer_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/byte_io.h"
#include "engine/record_batch.h"
#include "io/event.h"
#include "tests/sim/engine_life.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kPatienceNs = 120'000'000'000;
constexpr size_t kInFlightMax = 5;  // of one producer

}  // namespace

struct ProducerRun::Life : EngineLife {};

ProducerRun::ProducerRun(uint64_t seed)
    : world_(seed),
      node_(world_.add_node({.reactor_count = 2})),
      random_(world_.random("producer run")) {
  options_.data_directories = {"/data"};
  options_.segment_class_bytes = {64 << 10, 256 << 10};
  options_.retention_interval_ns = 20'000'000;
  options_.in_flight_bytes_max = uint64_t{16 << 10} << random_.below(8);
  if (random_.chance(0.5)) options_.scan_bytes_max = 0;  // checkpoints as often as can be
  batch_bytes_max_ = uint64_t{100} << random_.below(8);
  reactors_max_ = static_cast<uint32_t>(random_.between(1, 2));
  const uint64_t count = random_.between(1, 4);
  for (uint64_t i = 0; i < count; ++i) {
    producers_.push_back(std::make_unique<Producer>());
    // So that some of them count past the last sequence.
    producers_.back()->next_sequence = random_.chance(0.3) ? INT32_MAX - 20 : 0;
  }
}

ProducerRun::~ProducerRun() { (void)life_.release(); }

Engine& ProducerRun::engine(uint32_t reactor) { return *life_->reactors[reactor].engine; }

bool ProducerRun::run() {
  for (uint64_t life = random_.between(3, 7); life > 0 && verdict_.clean(); --life) {
    live_once(false);
  }
  if (verdict_.clean()) live_once(true);
  return verdict_.clean();
}

void ProducerRun::live_once(bool last) {
  if (!world_.is_up(node_)) world_.restart(node_);
  may_die_ = !last;
  if (may_die_ && random_.chance(0.85)) plan_crash();
  if (!bring_up()) return;
  ++running_;
  world_.start(node_, 0, [this] { return verify(); });
  const auto all_done = [this] { return running_ == 0; };
  if (!run_until_dead_or(all_done, "reading everything back")) return;
  const auto reactors = static_cast<uint32_t>(life_->reactors.size());
  for (const auto& each : producers_) {
    Producer& producer = *each;
    producer.reactor = static_cast<uint32_t>(random_.below(reactors));
    ++running_;
    world_.start(node_, producer.reactor,
                 [this, &producer] { return play(producer, random_.skewed(30)); });
  }
  ++running_;
  world_.start(node_, 0, [this] { return disturb(random_.below(6)); });
  if (!run_until_dead_or(all_done, "the producers")) return;
  if (random_.chance(0.3)) {
    ++running_;
    world_.start(node_, reactor_of(*key_, reactors), [this] { return cut(); });
    if (!run_until_dead_or(all_done, "the cut")) return;
  }
  if (!last && random_.chance(0.5)) {
    world_.crash(node_, random_.chance(0.5) ? Crash::power : Crash::kill);
    note_death();
    return;
  }
  stop();
}

void ProducerRun::stop() {
  for (uint32_t reactor = 0; reactor < life_->reactors.size(); ++reactor) {
    world_.start(node_, reactor, [this, reactor] { return stop_engine(reactor); });
  }
  const auto all_stopped = [this] {
    return std::ranges::all_of(life_->reactors, [](const auto& each) { return each.stopped; });
  };
  if (!run_until_dead_or(all_stopped, "the stop")) return;
  life_.reset();
  world_.count("orderly stop");
  world_.crash(node_, Crash::power);
}

void ProducerRun::plan_crash() {
  const Crash kinds[] = {Crash::power, Crash::power, Crash::kill, Crash::power_lose_all,
                         Crash::power_keep_all};
  crash_kind_ = kinds[random_.below(5)];
  const uint64_t n = random_.chance(0.1) ? random_.between(1, 40) : 20 + random_.skewed(400);
  world_.disk(node_).at_nth(n, [this] {
    if (may_die_) world_.crash(node_, crash_kind_);
  });
}

bool ProducerRun::run_until_dead_or(const std::function<bool()>& done, const char* what) {
  const RunEnd end = world_.run_until(
      [&] { return !world_.is_up(node_) || !verdict_.clean() || done(); }, kPatienceNs);
  if (!world_.is_up(node_)) {
    note_death();
    return false;
  }
  if (end != RunEnd::done) verdict_.broken(fmt::format("{} came to no end", what));
  return verdict_.clean();
}

void ProducerRun::note_death() {
  running_ = 0;
  (void)life_.release();  // its coroutines still refer to it
}

bool ProducerRun::bring_up() {
  life_ = std::make_unique<Life>();
  const auto count = static_cast<uint32_t>(random_.between(1, reactors_max_));
  life_->group = std::make_unique<EngineGroup>(options_, count);
  life_->reactors.resize(count);
  for (uint32_t reactor = 0; reactor < count; ++reactor) {
    life_->reactors[reactor].engine =
        std::make_unique<Engine>(world_.doors(node_, reactor), *life_->group);
    world_.start(node_, reactor, [this, reactor] { return start_engine(reactor); });
  }
  const auto all_started = [this] {
    return std::ranges::all_of(life_->reactors,
                               [](const auto& each) { return each.started.has_value(); });
  };
  if (!run_until_dead_or(all_started, "the start")) return false;
  if (!life_->reactors[0].started->ok()) verdict_.broken("the start fails");
  return verdict_.clean();
}

Task<void> ProducerRun::start_engine(uint32_t reactor) {
  Life* const life = life_.get();
  life->reactors[reactor].started = co_await life->reactors[reactor].engine->start();
}

Task<void> ProducerRun::stop_engine(uint32_t reactor) {
  Life* const life = life_.get();
  co_await life->reactors[reactor].engine->stop();
  life->reactors[reactor].stopped = true;
}

// All there is, before anybody appends.
Task<void> ProducerRun::verify() {
  if (!key_) {
    const Topic* there = engine(0).catalog().find("t");
    if (there == nullptr) {
      TopicSpec spec;
      spec.name = "t";
      spec.config_entries["segment.bytes"] = std::to_string(20'000 << random_.below(3));
      const auto made = co_await engine(0).create_topic(std::move(spec));
      if (!made.ok()) verdict_.broken("no topic can be made");
      there = engine(0).catalog().find("t");
    }
    if (there != nullptr) key_ = PartitionKey{there->id, 0};
  }
  std::map<uint64_t, uint64_t> stored;
  if (verdict_.clean()) co_await read_log(stored);
  for (const auto& producer : producers_) {
    if (verdict_.clean() && producer->identity.id < 0) {
      producer->identity = co_await make_producer();
    }
  }
  if (verdict_.clean()) (void)co_await make_producer();  // one that nobody will hear of
  --running_;
}

Task<ProducerIdentity> ProducerRun::make_producer() {
  const Result<ProducerIdentity> made = co_await engine(0).init_producer(std::nullopt);
  if (!made.ok()) {
    verdict_.broken(fmt::format("init_producer answers {}", name_of(made.error())));
    co_return ProducerIdentity{};
  }
  if (!ids_.insert(made.value().id).second) verdict_.broken("two producers have one id");
  co_return made.value();
}

// All it has sent was answered.
Task<void> ProducerRun::begin_epoch(Producer& producer) {
  const Result<ProducerIdentity> next =
      co_await engine(producer.reactor).init_producer(producer.identity);
  if (!next.ok() || next.value().id != producer.identity.id ||
      next.value().epoch != producer.identity.epoch + 1) {
    verdict_.broken("no new epoch can be had");
    co_return;
  }
  producer.identity = next.value();
  producer.next_sequence = 0;
  world_.count("a producer began a new epoch");
}

Task<void> ProducerRun::read_log(std::map<uint64_t, uint64_t>& stored) {
  const Result<PartitionOffsets> offsets = co_await engine(0).offsets(*key_);
  if (!offsets.ok()) {
    verdict_.broken("the partition does not answer");
    co_return;
  }
  Offset at = offsets.value().log_start;
  while (at < offsets.value().high_watermark) {
    const Result<ReadResult> read = co_await engine(0).read(*key_, at, 100'000);
    if (!read.ok() || read.value().next_offset <= at) {
      verdict_.broken("the log cannot be read");
      co_return;
    }
    std::vector<std::byte> bytes;
    for (const ReadSlice& slice : read.value().slices) {
      bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
    }
    std::span<const std::byte> rest = bytes;
    RecordBatch::Rules rules;
    rules.produced = false;
    while (!rest.empty()) {
      const ParsedBatch batch = RecordBatch::parse(rest, rules);
      check(batch.ok());
      const std::optional<Record> record = batch.value().reader().next();
      const uint64_t id = load<uint64_t>(record->value->data());
      if (!stored.emplace(id, batch.value().base_offset().value).second) {
        verdict_.broken(fmt::format("batch {} is stored twice", id));
      }
      rest = rest.subspan(batch.value().size_bytes());
    }
    at = read.value().next_offset;
  }
  judge(stored, offsets.value().log_start.value, offsets.value().log_end.value);
}

void ProducerRun::judge(const std::map<uint64_t, uint64_t>& stored, uint64_t log_start,
                        uint64_t log_end) {
  if (log_start > log_start_asked_) verdict_.broken("the log start moved by itself");
  if (cut_from_) {  // it happened, or did not
    if (log_end <= *cut_from_) {
      world_.count("a crash after a cut");
      for (const auto& producer : producers_) take_back(*producer, log_end);
      std::erase_if(placed_, [&](const auto& each) { return each.second >= log_end; });
    }
    cut_from_.reset();
  }
  for (const auto& [id, offset] : stored) {
    const auto [known, fresh] = placed_.emplace(id, offset);
    if (!fresh && known->second != offset) {
      verdict_.broken(fmt::format("batch {} is stored at {} and at {}", id, known->second, offset));
    }
  }
  for (const auto& producer : producers_) {
    uint64_t last = 0;
    for (const Batch& batch : producer->answered) {
      const bool kept = *batch.offset >= log_start;
      if (kept && !stored.contains(batch.id)) {
        verdict_.broken(
            fmt::format("batch {} was acknowledged at {} and is gone", batch.id, *batch.offset));
      }
      if (*batch.offset < last) verdict_.broken("a producer's batches are not in their order");
      last = *batch.offset;
    }
  }
}

// They are gone from the log: they are sent once more, and all after them.
void ProducerRun::take_back(Producer& producer, uint64_t from_offset) {
  while (!producer.answered.empty() && *producer.answered.back().offset >= from_offset) {
    Batch batch = producer.answered.back();
    producer.answered.pop_back();
    batch.offset.reset();
    placed_.erase(batch.id);
    producer.unanswered.push_front(batch);
  }
}

Task<void> ProducerRun::play(Producer& producer, uint64_t steps) {
  for (uint64_t step = 0; step < steps && verdict_.clean(); ++step) {
    if (producer.unanswered.empty() && random_.chance(0.1)) co_await begin_epoch(producer);
    make_batches(producer);
    co_await send_burst(producer);
    if (random_.chance(0.3)) {
      co_await engine(producer.reactor).doors().clock.sleep_for(random_.skewed(40'000'000));
    }
  }
  while (verdict_.clean() && !producer.unanswered.empty()) co_await send_burst(producer);
  --running_;
}

void ProducerRun::make_batches(Producer& producer) {
  for (uint64_t count = random_.below(kInFlightMax + 1); count > 0; --count) {
    const bool full = !producer.unanswered.empty() &&
                      producer.next_number - producer.unanswered.front().number >= kInFlightMax;
    if (full) return;
    Batch batch;
    batch.id = next_id_++;
    batch.number = producer.next_number++;
    batch.epoch = producer.identity.epoch;
    batch.base_sequence = producer.next_sequence;
    batch.record_count = static_cast<uint32_t>(random_.skewed(4));
    producer.next_sequence = sequence_after(batch.base_sequence, batch.record_count);
    producer.unanswered.push_back(batch);
  }
}

// All that may be in flight, in order; some of it twice at the same time.
Task<void> ProducerRun::send_burst(Producer& producer) {
  std::vector<Batch> burst;
  for (const Batch& batch : producer.unanswered) {
    const Batch& first = producer.unanswered.front();
    const bool in_flight = batch.number < first.number + kInFlightMax;
    // A producer begins an epoch when all of the last one is answered.
    if (in_flight && batch.epoch == first.epoch) burst.push_back(batch);
  }
  TaskGroup group;
  for (const Batch& batch : burst) {
    group.spawn(send(producer, batch, producer.reactor, false));
    if (!random_.chance(0.15)) continue;
    const auto other = static_cast<uint32_t>(random_.below(life_->reactors.size()));
    group.spawn(send(producer, batch, other, true));
  }
  co_await group.wait_empty();
  co_await engine(producer.reactor).doors().scheduler.yield();
  std::erase_if(producer.unanswered, [](const Batch& batch) { return batch.offset.has_value(); });
}

// `again`: a second copy, which may overtake those before it, and then is refused.
Task<void> ProducerRun::send(Producer& producer, Batch batch, uint32_t reactor, bool again) {
  std::vector<std::byte> bytes = make_batch(producer, batch);
  Engine* const to = life_->reactors[producer.reactor].engine.get();
  Engine* const over = life_->reactors[reactor].engine.get();
  const PartitionKey key = *key_;
  const std::span<std::byte> span = bytes;
  Result<AppendResult> appended = Error::closed;
  if (reactor == producer.reactor) {
    appended = co_await to->append(key, span);
  } else {
    appended = co_await call_on(to->doors().scheduler, reactor,
                                [over, key, span] { return over->append(key, span); });
  }
  if (!appended.ok()) {
    if (again && appended.error() == Error::out_of_sequence) co_return;
    verdict_.broken(fmt::format("batch {} of producer {} at sequence {} is answered {}", batch.id,
                                producer.identity.id, batch.base_sequence,
                                name_of(appended.error())));
    co_return;
  }
  if (appended.value().duplicate) world_.count("a batch was known");
  const uint64_t offset = appended.value().base_offset.value;
  const auto [known, fresh] = placed_.emplace(batch.id, offset);
  if (!fresh && known->second != offset) {
    verdict_.broken(fmt::format("batch {} is answered {} and was stored at {}", batch.id, offset,
                                known->second));
  }
  if (again || random_.chance(0.2)) co_return;  // the answer was lost
  note_answer(producer, batch, offset);
}

// Answers come in any order; batches count as answered in their own.
void ProducerRun::note_answer(Producer& producer, const Batch& batch, uint64_t offset) {
  for (Batch& sent : producer.unanswered) {
    if (sent.id == batch.id) sent.offset = offset;
  }
  Batch done = batch;
  done.offset = offset;
  const auto place = std::ranges::upper_bound(producer.answered, done.id, {}, &Batch::id);
  producer.answered.insert(place, done);
}

// Others append between them, and the log loses its beginning.
Task<void> ProducerRun::disturb(uint64_t steps) {
  for (uint64_t step = 0; step < steps && verdict_.clean(); ++step) {
    if (random_.chance(0.6)) {
      Producer nobody;
      Batch batch;
      batch.id = next_id_++;
      std::vector<std::byte> bytes = make_batch(nobody, batch);
      const Result<AppendResult> appended = co_await engine(0).append(*key_, bytes);
      if (!appended.ok()) verdict_.broken("an append fails");
    } else {
      const Result<PartitionOffsets> offsets = co_await engine(0).offsets(*key_);
      if (!offsets.ok()) break;
      const uint64_t low = std::max(log_start_asked_, offsets.value().log_start.value);
      const uint64_t high = std::max(low, offsets.value().high_watermark.value);
      log_start_asked_ = random_.chance(0.3) ? high : random_.between(low, high);
      (void)co_await engine(0).truncate_prefix(*key_, Offset{log_start_asked_});
      world_.count("a prefix was truncated");
    }
    co_await engine(0).doors().clock.sleep_for(random_.skewed(30'000'000));
  }
  --running_;
}

// Nobody is sending: everything was answered.
Task<void> ProducerRun::cut() {
  const uint32_t owner = reactor_of(*key_, static_cast<uint32_t>(life_->reactors.size()));
  const Result<std::shared_ptr<Partition>> log = engine(owner).local(*key_);
  const PartitionOffsets offsets = log.value()->offsets();
  const uint64_t low = std::max(offsets.log_start.value, log_start_asked_);
  const uint64_t distance = random_.skewed(60);
  const uint64_t end = offsets.log_end.value;
  cut_from_ = std::max(low, end > distance ? end - distance : 0);
  const Result<void> done = co_await log.value()->truncate_suffix(Offset{*cut_from_});
  if (!done.ok()) verdict_.broken(fmt::format("truncate_suffix answers {}", name_of(done.error())));
  world_.count("a suffix was truncated");
  const uint64_t log_end = log.value()->offsets().log_end.value;
  for (const auto& producer : producers_) take_back(*producer, log_end);
  std::erase_if(placed_, [&](const auto& each) { return each.second >= log_end; });
  cut_from_.reset();
  --running_;
}

std::vector<std::byte> ProducerRun::make_batch(const Producer& producer, const Batch& batch) {
  SimRandom random = SimRandom(batch.id).fork("batch");
  std::vector<std::byte> value(8 + random.skewed(batch_bytes_max_));
  store(value.data(), batch.id);
  RecordBatchBuilder::Options options;
  if (producer.identity.id >= 0) {
    options.producer_id = producer.identity.id;
    options.producer_epoch = batch.epoch;
    options.base_sequence = batch.base_sequence;
  }
  RecordBatchBuilder builder(options);
  for (uint32_t i = 0; i < batch.record_count; ++i) {
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = 1'000'000;
    record.value = std::span<const std::byte>(value);
    builder.add(record);
  }
  return builder.build();
}

}  // namespace penstock::sim
