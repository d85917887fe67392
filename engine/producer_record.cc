#include "engine/producer_record.h"

namespace penstock {
namespace {

constexpr uint8_t kHasEarlier = 0x80;
constexpr uint32_t kTimeBits = 24;
constexpr uint64_t kTimeMax = (uint64_t{1} << kTimeBits) - 1;
constexpr uint64_t kOffsetMax = (uint64_t{1} << (64 - kTimeBits)) - 1;

// How far `older` is behind `newest`; nothing if it does not fit.
std::optional<uint64_t> distance(const ProducedBatch& newest, const ProducedBatch& older) {
  const uint64_t offsets = newest.base_offset.value - older.base_offset.value;
  const uint64_t time =
      static_cast<uint64_t>(newest.append_time_ms) - static_cast<uint64_t>(older.append_time_ms);
  if (offsets > kOffsetMax || time > kTimeMax) return std::nullopt;
  return offsets << kTimeBits | time;
}

ProducedBatch at_distance(const ProducedBatch& newest, uint64_t distance) {
  ProducedBatch older;
  older.base_offset = {newest.base_offset.value - (distance >> kTimeBits)};
  older.append_time_ms =
      static_cast<int64_t>(static_cast<uint64_t>(newest.append_time_ms) - (distance & kTimeMax));
  return older;
}

uint64_t halves(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

}  // namespace

JournalRecord producer_record(const PartitionKey& key, int64_t id, const ProducerState& state) {
  const ProducedBatch& newest = state.batches[0];
  std::array<uint64_t, ProducerState::kBatchesMax> distances{};
  std::array<uint32_t, ProducerState::kBatchesMax> counts{};
  uint8_t fitting = 0;
  for (; fitting < state.batch_count; ++fitting) {
    const std::optional<uint64_t> away = distance(newest, state.batches[fitting]);
    if (!away) break;
    distances[fitting] = *away;
    counts[fitting] = state.batches[fitting].record_count;
  }
  const bool has_earlier = state.has_earlier || fitting < state.batch_count;
  JournalRecord record;
  record.type = JournalRecordType::producer;
  record.key = key;
  record.leader_epoch = {state.last_sequence};
  record.file_number = static_cast<uint64_t>(id);
  record.file_bytes = halves(counts[0], counts[1]);
  record.position = halves(counts[2], counts[3]);
  record.offset = newest.base_offset;
  record.generation = {distances[1]};
  record.next_offset = {distances[2]};
  record.time_ms = state.last_append_time_ms;
  record.written_bytes = distances[3];
  record.max_timestamp_ms = static_cast<int64_t>(distances[4]);
  record.producer_batches = static_cast<uint8_t>(fitting | (has_earlier ? kHasEarlier : 0));
  record.producer_epoch = state.epoch;
  record.producer_records = counts[4];
  return record;
}

std::optional<IdentifiedProducer> producer_of(const JournalRecord& record) {
  IdentifiedProducer producer;
  producer.id = static_cast<int64_t>(record.file_number);
  ProducerState& state = producer.state;
  state.epoch = record.producer_epoch;
  state.batch_count = record.producer_batches & ~kHasEarlier;
  state.has_earlier = (record.producer_batches & kHasEarlier) != 0;
  state.last_sequence = record.leader_epoch.value;
  state.last_append_time_ms = record.time_ms;
  const bool sound = producer.id >= 0 && state.epoch >= 0 && state.last_sequence >= 0 &&
                     state.batch_count <= ProducerState::kBatchesMax &&
                     (state.batch_count > 0 || state.has_earlier);
  if (!sound) return std::nullopt;
  const std::array<uint64_t, ProducerState::kBatchesMax> distances = {
      0, record.generation.value, record.next_offset.value, record.written_bytes,
      static_cast<uint64_t>(record.max_timestamp_ms)};
  const std::array<uint32_t, ProducerState::kBatchesMax> counts = {
      static_cast<uint32_t>(record.file_bytes), static_cast<uint32_t>(record.file_bytes >> 32),
      static_cast<uint32_t>(record.position), static_cast<uint32_t>(record.position >> 32),
      record.producer_records};
  const ProducedBatch newest{record.offset, record.time_ms, 0};
  for (size_t i = 0; i < state.batch_count; ++i) {
    state.batches[i] = at_distance(newest, distances[i]);
    state.batches[i].record_count = counts[i];
  }
  return producer;
}

}  // namespace penstock
