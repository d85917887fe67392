// What an EngineRun reads back after each start, and what must be found.
#include <fmt/format.h>

#include <algorithm>

#include "engine/byte_io.h"
#include "engine/record_batch.h"
#include "tests/sim/engine_harness_state.h"

namespace penstock::sim {

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
