#include "tests/sim/compaction_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/byte_io.h"
#include "engine/record_batch.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr int64_t kDeleteRetentionMs = 20'000;

NodeOptions node_options(const CompactionRun::Options& options) {
  NodeOptions node;
  node.buffer_bytes = options.buffer_bytes;
  return node;
}

EngineOptions engine_options() {
  EngineOptions options = EngineNode::small_segments();
  options.cleaner_interval_ns = 2 * kSecondNs;
  return options;
}

std::vector<std::byte> value_of(uint64_t id, uint64_t bytes) {
  std::vector<std::byte> value(bytes);
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::byte>(id * 31 + i / 7);
  return value;
}

std::string key_text(uint64_t key) { return fmt::format("key-{}", key); }

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

bool equal(std::span<const std::byte> left, std::span<const std::byte> right) {
  return std::ranges::equal(left, right);
}

}  // namespace

uint64_t KeyedOracle::send(const Sent& sent) {
  sent_[next_id_] = sent;
  return next_id_++;
}

void KeyedOracle::acknowledged(uint64_t id, uint64_t offset) { met(id, offset); }

void KeyedOracle::met(uint64_t id, uint64_t offset) {
  Sent& record = sent_.at(id);
  if (record.offset && *record.offset != offset) {
    broken(fmt::format("record {} was at {}, and is at {}", id, *record.offset, offset));
  }
  record.offset = offset;
  const auto [there, fresh] = log_.emplace(offset, id);
  if (!fresh && there->second != id) {
    broken(fmt::format("offset {} has record {}, and had {}", offset, id, there->second));
  }
}

void KeyedOracle::judge(const std::vector<SeenRecord>& records, uint64_t log_start,
                        int64_t now_ms) {
  std::set<uint64_t> there;
  std::map<uint64_t, uint64_t> last_there;  // by key
  for (const SeenRecord& record : records) {
    if (!there.insert(record.offset).second) broken("an offset is there twice");
    if (dropped_.contains(record.offset)) {
      broken(fmt::format("offset {} was gone, and is back", record.offset));
    }
    last_there[sent_.at(record.id).key] = record.offset;
  }
  std::map<uint64_t, uint64_t> last_sent;  // by key: of those that must be or have been there
  for (const auto& [offset, id] : log_) {
    last_sent[sent_.at(id).key] = offset;
    if (offset >= log_start && !there.contains(offset)) dropped_.insert(offset);
  }
  for (const auto& [key, offset] : last_sent) {
    if (offset < log_start || there.contains(offset)) continue;
    const Sent& record = sent_.at(log_.at(offset));
    const auto found = last_there.find(key);
    if (!record.tombstone) {
      broken(fmt::format("the last record of key {}, at {}, is gone", key, offset));
    } else if (now_ms < record.timestamp_ms + delete_retention_ms_) {
      broken(fmt::format("the tombstone of key {}, at {}, is gone too early", key, offset));
    } else if (found != last_there.end()) {
      broken(fmt::format("key {} is back: its tombstone at {} is gone, and {} is there", key,
                         offset, found->second));
    }
  }
}

CompactionRun::CompactionRun(uint64_t seed, Options options)
    : options_(std::move(options)),
      random_(SimRandom(seed).fork("compaction run")),
      oracle_(kDeleteRetentionMs, verdict_),
      node_(seed, node_options(options_), engine_options()),
      key_count_(random_.between(3, 30)),
      truncates_(random_.chance(0.3)) {}

CompactionRun::~CompactionRun() = default;

bool CompactionRun::run() {
  for (uint64_t life = 0; life < options_.lives && verdict_.clean(); ++life) {
    life_ = life;
    if (!live(life + 1 == options_.lives)) break;
  }
  return verdict_.clean();
}

// One life: start, look at everything, appends while readers read; then a crash, unless one came before.
bool CompactionRun::live(bool last) {
  sequences_.clear();
  const Crash kinds[] = {Crash::power, Crash::power, Crash::kill, Crash::power_lose_all};
  const Crash kind = kinds[random_.below(4)];
  const bool crashes = !last && (!options_.crash_operation || life_ == 0);
  if (crashes) {
    const uint64_t operation =
        options_.crash_operation.value_or(20 + random_.below(options_.operations_max));
    node_.disk().at_nth(operation, [this, kind, life = life_] {
      if (is_up() && life == life_) node_.world().crash(node_.node(), kind);
    });
  }
  const Result<void> started = node_.start();
  if (is_up() && !started.ok()) {
    verdict_.broken("the start answers " + std::string(name_of(started.error())));
  }
  if (verdict_.clean() && is_up() && key_ == PartitionKey{}) (void)make_topic();
  if (verdict_.clean() && is_up() && key_ != PartitionKey{}) {
    (void)judge_all();
    if (is_up()) {
      node_.world().start(node_.node(), 0, [this] { return read_now_and_then(); });
    }
    for (uint64_t round = 0; round < options_.rounds && is_up() && verdict_.clean(); ++round) {
      play_round();
    }
    if (is_up()) (void)judge_all();
  }
  node_.crash(kind);
  return verdict_.clean();
}

bool CompactionRun::make_topic() {
  std::map<std::string, std::string> config = {
      {"cleanup.policy", "compact"},
      {"segment.bytes", std::to_string(6'000 << random_.below(4))},
      {"delete.retention.ms", std::to_string(kDeleteRetentionMs)},
      {"min.cleanable.dirty.ratio", "0.1"},
  };
  for (const auto& [name, value] : options_.config) config[name] = value;
  const Result<TopicId> made = node_.try_topic("t", std::move(config));
  if (!made.ok()) {
    // The crash decided: its name may be taken.
    if (is_up() && made.error() == Error::already_exists) {
      key_ = {node_.engine().catalog().find("t")->id, 0};
    } else if (is_up()) {
      verdict_.broken("the topic is not made: " + std::string(name_of(made.error())));
    }
    return false;
  }
  key_ = {made.value(), 0};
  return true;
}

void CompactionRun::play_round() {
  const uint64_t batches = random_.between(1, 25);
  for (uint64_t i = 0; i < batches && is_up(); ++i) {
    // Kept for a task that is abandoned with its node.
    auto batch = std::make_shared<Batch>(make_batch());
    node_.world().start(node_.node(), 0, [this, batch] { return append(std::move(*batch)); });
    if (random_.chance(0.3)) (void)node_.world().run_for(random_.below(200'000'000));
  }
  if (is_up()) (void)node_.world().run_for(random_.below(5 * kSecondNs));
  if (!is_up() || !truncates_ || !random_.chance(0.1)) return;
  const PartitionOffsets offsets = node_.offsets(key_);
  const uint64_t span = offsets.high_watermark - offsets.log_start;
  const Offset to = offsets.log_start + random_.below(span / 4 + 1);
  oracle_.truncated(to.value);
  (void)node_.world().call(node_.node(), 0,
                           [this, to] { return node_.engine().truncate_prefix(key_, to); });
}

CompactionRun::Batch CompactionRun::make_batch() {
  Batch batch;
  RecordBatchBuilder::Options options;
  const uint64_t count = random_.between(1, 6);
  if (random_.chance(0.3)) {
    options.producer_id = static_cast<int64_t>(random_.below(3));
    options.producer_epoch = static_cast<int16_t>(life_);  // each begins anew at sequence 0
    options.base_sequence = sequences_[options.producer_id];
    sequences_[options.producer_id] += static_cast<int32_t>(count);
  }
  RecordBatchBuilder builder(options);
  for (uint64_t i = 0; i < count; ++i) {
    KeyedOracle::Sent sent;
    sent.key = random_.below(key_count_);
    sent.tombstone = random_.chance(0.15);
    sent.value_bytes = random_.skewed(1500);
    sent.timestamp_ms = node_.world().doors(node_.node()).clock.wall_ms();
    const uint64_t id = oracle_.send(sent);
    batch.ids.push_back(id);
    const std::string key = key_text(sent.key);
    const std::vector<std::byte> value = value_of(id, sent.value_bytes);
    std::byte id_bytes[8];
    store(id_bytes, id);
    const RecordBatchBuilder::Header header{"id", std::span<const std::byte>(id_bytes)};
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = sent.timestamp_ms;
    record.key = bytes_of(key);
    if (!sent.tombstone) record.value = std::span<const std::byte>(value);
    record.headers = std::span(&header, 1);
    builder.add(record);
  }
  batch.bytes = builder.build();
  return batch;
}

Task<void> CompactionRun::append(Batch batch) {
  const Result<AppendResult> appended = co_await node_.engine().append(key_, batch.bytes);
  if (!appended.ok()) co_return;
  for (size_t i = 0; i < batch.ids.size(); ++i) {
    oracle_.acknowledged(batch.ids[i], appended.value().base_offset.value + i);
  }
}

// What it reads is judged by itself: each record is one that was sent, whole, and at one offset for ever.
Task<void> CompactionRun::read_now_and_then() {
  Doors& doors = node_.world().doors(node_.node());
  SimRandom random = random_.fork("reader", life_);
  for (;;) {
    std::vector<SeenRecord> records;
    const Result<uint64_t> read = co_await read_all(records);
    if (!read.ok() && read.error() == Error::closed) co_return;
    co_await doors.clock.sleep_for(random.below(2 * kSecondNs));
  }
}

Task<Result<uint64_t>> CompactionRun::read_all(std::vector<SeenRecord>& records) {
  for (;;) {
    records.clear();
    const Result<PartitionOffsets> offsets = co_await node_.engine().offsets(key_);
    if (!offsets.ok()) co_return offsets.error();
    Offset at = offsets.value().log_start;
    Result<void> done;
    while (at < offsets.value().high_watermark && done.ok()) {
      const Result<ReadResult> read = co_await node_.engine().read(key_, at, 3'000);
      if (!read.ok()) {
        done = read.error();
        break;
      }
      if (read.value().next_offset <= at) oracle_.broken("a read did not get on");
      if (read.value().next_offset <= at) co_return Error::corrupt;
      std::vector<std::byte> bytes;
      for (const ReadSlice& slice : read.value().slices) {
        bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
      }
      take(bytes, records);
      at = read.value().next_offset;
    }
    if (done.ok()) {
      judge_end(records, offsets.value());
      co_return offsets.value().log_start.value;
    }
    if (done.error() != Error::offset_out_of_range) co_return done.error();
  }
}

// Consumers get to a log's end by its last record alone.
void CompactionRun::judge_end(const std::vector<SeenRecord>& records,
                              const PartitionOffsets& offsets) {
  if (offsets.log_start == offsets.high_watermark) return;
  const uint64_t end = records.empty() ? 0 : records.back().offset + 1;
  if (end < offsets.high_watermark.value) oracle_.broken("the log's last record is gone");
}

void CompactionRun::take(std::span<const std::byte> bytes, std::vector<SeenRecord>& records) {
  RecordBatch::Rules rules;
  rules.produced = false;
  while (!bytes.empty()) {
    const ParsedBatch batch = RecordBatch::parse(bytes, rules);
    if (!batch.ok()) return oracle_.broken("a read gave no batch");
    RecordReader reader = batch.value().reader();
    while (const std::optional<Record> record = reader.next()) {
      const uint64_t offset = batch.value().base_offset().value + record->offset_delta;
      const uint64_t id =
          load<uint64_t>(record->headers.data() + 4);  // behind "id" and the lengths
      const KeyedOracle::Sent& sent = oracle_.sent(id);
      const std::string key = key_text(sent.key);
      const bool whole = record->key && equal(*record->key, bytes_of(key)) &&
                         record->value.has_value() == !sent.tombstone &&
                         record->timestamp_ms == sent.timestamp_ms &&
                         (sent.tombstone || equal(*record->value, value_of(id, sent.value_bytes)));
      if (!whole) oracle_.broken(fmt::format("record {} is not as it was sent", id));
      if (!records.empty() && records.back().offset >= offset) {
        oracle_.broken(fmt::format("offset {} comes after {}", offset, records.back().offset));
      }
      oracle_.met(id, offset);
      records.push_back({offset, id});
    }
    bytes = bytes.subspan(batch.value().size_bytes());
  }
}

bool CompactionRun::judge_all() {
  const auto records = std::make_shared<std::vector<SeenRecord>>();
  const auto read =
      node_.world().call(node_.node(), 0, [this, records] { return read_all(*records); });
  if (!is_up()) return false;
  if (!read || !read->ok()) {
    verdict_.broken("reading everything answers " +
                    std::string(read ? name_of(read->error()) : "nothing"));
    return false;
  }
  oracle_.judge(*records, read->value(), node_.world().doors(node_.node()).clock.wall_ms());
  return true;
}

}  // namespace penstock::sim
