#include "tests/sim/engine_node.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/byte_io.h"
#include "engine/record_batch.h"
#include "io/event.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kPatienceNs = 120'000'000'000;

std::vector<std::byte> make_batch(uint64_t id, uint64_t bytes, int64_t timestamp_ms,
                                  const ProducerStamp& stamp = {},
                                  const OptionalBytes& record_key = std::nullopt) {
  std::vector<std::byte> value(8 + bytes);
  store(value.data(), id);
  for (size_t at = 8; at < value.size(); ++at) value[at] = static_cast<std::byte>(id + at / 64);
  RecordBatchBuilder::Options options;
  options.producer_id = stamp.id;
  options.producer_epoch = stamp.epoch;
  options.base_sequence = stamp.base_sequence;
  RecordBatchBuilder builder(options);
  RecordBatchBuilder::NewRecord record;
  record.timestamp_ms = timestamp_ms;
  record.key = record_key;
  record.value = std::span<const std::byte>(value);
  builder.add(record);
  return builder.build();
}

}  // namespace

EngineOptions EngineNode::small_segments() {
  EngineOptions options;
  options.data_directories = {"/data"};
  options.segment_class_bytes = {64 << 10, 256 << 10, 1 << 20};
  return options;
}

EngineNode::EngineNode(uint64_t seed, NodeOptions node_options, EngineOptions engine_options)
    : world_(seed), options_(std::move(engine_options)), node_(world_.add_node(node_options)) {}

EngineNode::~EngineNode() {
  (void)group_.release();  // a node that was not stopped still refers to them
  (void)engine_.release();
}

Result<void> EngineNode::start() {
  if (!is_up()) world_.restart(node_);
  group_ = std::make_unique<EngineGroup>(options_, 1);
  engine_ = std::make_unique<Engine>(world_.doors(node_), *group_);
  const auto started = world_.call(
      node_, 0, [this] { return engine_->start(); }, kPatienceNs);
  check(started.has_value() || !is_up());  // a start comes to an end
  if (!started) return Error::closed;
  return *started;
}

void EngineNode::stop() {
  const bool stopped = world_.call(
      node_, 0, [this] { return engine_->stop(); }, kPatienceNs);
  check(stopped);
  engine_.reset();
  group_.reset();
  world_.crash(node_, Crash::kill);
}

void EngineNode::crash(Crash kind) {
  world_.crash(node_, kind);
  (void)engine_.release();
  (void)group_.release();
}

Result<TopicId> EngineNode::try_topic(const std::string& name,
                                      std::map<std::string, std::string> config) {
  TopicSpec spec;
  spec.name = name;
  spec.config_entries = std::move(config);
  const auto made = world_.call(
      node_, 0, [this, spec] { return engine_->create_topic(spec); }, kPatienceNs);
  check(made.has_value() || !is_up());
  if (!made) return Error::closed;
  if (!made->ok()) return made->error();
  return made->value()->id;
}

PartitionKey EngineNode::make_topic(const std::string& name,
                                    std::map<std::string, std::string> config) {
  const Result<TopicId> made = try_topic(name, std::move(config));
  return {made.value(), 0};
}

std::vector<PartitionKey> EngineNode::make_topics(
    size_t count, const std::map<std::string, std::string>& config) {
  std::vector<PartitionKey> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(make_topic(fmt::format("t{}", i), config));
  return keys;
}

Task<void> EngineNode::append_task(Wish wish, uint64_t id, Result<AppendResult>& answer) {
  std::vector<std::byte> batch = make_batch(id, wish.bytes, batch_timestamp_ms_);
  if (linkable_) {
    answer = co_await append_linkable(wish.key, batch);
  } else {
    answer = co_await engine_->append(wish.key, batch);
  }
  if (!answer.ok()) co_return;
  acknowledged_[wish.key].push_back({id, answer.value().base_offset.value});
}

Task<Result<AppendResult>> EngineNode::append_linkable(PartitionKey key,
                                                       std::vector<std::byte>& batch) {
  Result<Buffer> memory =
      co_await allocate_buffer(engine_->doors(), Engine::kBatchPlace + batch.size());
  if (!memory.ok()) co_return memory.error();
  const auto bytes = memory.value().bytes().subspan(Engine::kBatchPlace, batch.size());
  std::ranges::copy(batch, bytes.begin());
  last_batch_ = bytes.data();
  co_return co_await engine_->append(key, bytes, &memory.value());
}

Task<Result<void>> EngineNode::append_all(std::vector<Wish> wishes,
                                          std::vector<Result<AppendResult>>& answers) {
  TaskGroup group;
  for (size_t i = 0; i < wishes.size(); ++i) {
    group.spawn(append_task(wishes[i], next_id_++, answers[i]));
  }
  co_await group.wait_empty();
  co_return Result<void>();
}

std::vector<Result<AppendResult>> EngineNode::append_wishes(const std::vector<Wish>& wishes) {
  // Kept for tasks that are abandoned with their node.
  auto* const answers = new std::vector<Result<AppendResult>>(wishes.size(), Error::closed);
  const std::unique_ptr<std::vector<Result<AppendResult>>> owner(answers);
  const auto done = world_.call(
      node_, 0, [this, &wishes, answers] { return append_all(wishes, *answers); }, kPatienceNs);
  check(done.has_value() || !is_up());  // an append comes to an end
  return *answers;
}

std::vector<Result<AppendResult>> EngineNode::append_each(const std::vector<PartitionKey>& keys,
                                                          uint64_t bytes) {
  std::vector<Wish> wishes;
  for (const PartitionKey& key : keys) wishes.push_back({key, bytes});
  return append_wishes(wishes);
}

std::vector<Result<AppendResult>> EngineNode::append_sizes(PartitionKey key,
                                                           const std::vector<uint64_t>& sizes) {
  std::vector<Wish> wishes;
  for (const uint64_t bytes : sizes) wishes.push_back({key, bytes});
  return append_wishes(wishes);
}

Task<Result<AppendResult>> EngineNode::batch_task(PartitionKey key, std::vector<std::byte> batch) {
  co_return co_await engine_->append(key, batch);
}

Result<AppendResult> EngineNode::append_batch(PartitionKey key, std::vector<std::byte> batch) {
  const auto answer = world_.call(
      node_, 0, [this, key, batch = std::move(batch)] { return batch_task(key, batch); },
      kPatienceNs);
  check(answer.has_value() || !is_up());
  return answer.value_or(Error::closed);
}

Result<AppendResult> EngineNode::append_produced(PartitionKey key, const ProducerStamp& stamp,
                                                 uint64_t bytes) {
  return append_batch(key, make_batch(next_id_++, bytes, batch_timestamp_ms_, stamp));
}

Result<AppendResult> EngineNode::append_keyed(PartitionKey key, const std::string& record_key,
                                              uint64_t bytes, const ProducerStamp& stamp) {
  const uint64_t id = next_id_++;
  const auto key_bytes = std::as_bytes(std::span(record_key.data(), record_key.size()));
  const Result<AppendResult> answer =
      append_batch(key, make_batch(id, bytes, batch_timestamp_ms_, stamp, key_bytes));
  if (answer.ok()) acknowledged_[key].push_back({id, answer.value().base_offset.value});
  return answer;
}

PartitionOffsets EngineNode::offsets(PartitionKey key) {
  const auto offsets = world_.call(
      node_, 0, [this, key] { return engine_->offsets(key); }, kPatienceNs);
  check(offsets.has_value() && offsets->ok());
  return offsets->value();
}

Task<Result<std::vector<StoredBatch>>> EngineNode::read_task(PartitionKey key) {
  const Result<PartitionOffsets> offsets = co_await engine_->offsets(key);
  if (!offsets.ok()) co_return offsets.error();
  std::vector<StoredBatch> stored;
  Offset at = offsets.value().log_start;
  while (at < offsets.value().high_watermark) {
    const Result<ReadResult> read = co_await engine_->read(key, at, 100'000);
    if (!read.ok()) co_return read.error();
    check(read.value().next_offset > at);
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
      RecordReader reader = batch.value().reader();
      const std::optional<Record> record = reader.next();
      stored.push_back({load<uint64_t>(record->value->data()), batch.value().base_offset().value});
      rest = rest.subspan(batch.value().size_bytes());
    }
    at = read.value().next_offset;
  }
  co_return stored;
}

Result<std::vector<StoredBatch>> EngineNode::read_all(PartitionKey key) {
  auto stored = world_.call(
      node_, 0, [this, key] { return read_task(key); }, kPatienceNs);
  check(stored.has_value());
  return std::move(*stored);
}

uint64_t EngineNode::missing_count(PartitionKey key, const std::vector<StoredBatch>& stored) {
  const auto missing = [&](const StoredBatch& batch) {
    return std::ranges::find(stored, batch) == stored.end();
  };
  return static_cast<uint64_t>(std::ranges::count_if(acknowledged_[key], missing));
}

std::vector<std::string> EngineNode::new_reports() {
  const std::vector<std::string>& all = world_.reports(node_);
  std::vector<std::string> fresh(all.begin() + static_cast<ptrdiff_t>(reports_read_), all.end());
  reports_read_ = all.size();
  return fresh;
}

}  // namespace penstock::sim
