#include "engine/journal_record.h"

#include <algorithm>
#include <cstring>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "engine/producer_record.h"
#include "engine/segment_header.h"

namespace penstock {
namespace {

constexpr size_t kChecksumPosition = 120;

uint64_t record_seed(uint64_t seed, uint64_t sequence) {
  return seed + sequence * 0x9E3779B97F4A7C15ull;
}

SegmentState* find_segment(PartitionState& partition, uint64_t file_number) {
  const auto found = std::ranges::find(partition.segments, file_number, &SegmentState::file_number);
  return found == partition.segments.end() ? nullptr : &*found;
}

Result<void> apply_cut(PartitionState& partition, const JournalRecord& record) {
  SegmentState* segment = find_segment(partition, record.file_number);
  if (segment == nullptr || segment != &partition.segments.back()) return Error::corrupt;
  if (record.position < kSegmentHeaderBytes) return Error::corrupt;
  cut_generations(*segment, record.position, record.generation);
  segment->sealed = false;
  segment->end_position = 0;
  segment->next_offset = {};
  segment->max_timestamp_ms = INT64_MIN;
  std::erase_if(partition.epochs,
                [&](const EpochStart& start) { return start.start_offset >= record.next_offset; });
  partition.compacted_end = std::min(partition.compacted_end, record.next_offset);
  partition.checkpoint.file_number = record.file_number;
  partition.checkpoint.position = record.position;
  partition.checkpoint.next_offset = record.next_offset;
  partition.checkpoint.append_time_ms =
      std::max(partition.checkpoint.append_time_ms, record.time_ms);
  partition.checkpoint.max_timestamp_ms = record.max_timestamp_ms;
  return {};
}

// A producer that loses all its remembered batches is forgotten: who cut tells of it anew, if it knows better.
void cut_producers(std::map<PartitionKey, std::map<int64_t, ProducerState>>& producers,
                   const PartitionKey& key, Offset end) {
  const auto found = producers.find(key);
  if (found == producers.end()) return;
  for (auto next = found->second.begin(); next != found->second.end();) {
    const std::optional<ProducerState> earlier = next->second.before(end);
    if (earlier && (earlier->batch_count > 0 || next->second.batch_count == 0)) {
      (next++)->second = *earlier;
    } else {
      next = found->second.erase(next);
    }
  }
  if (found->second.empty()) producers.erase(found);
}

// To the pool; a checkpoint in it is none any more.
void drop_file(JournalState& state, PartitionState& partition, const SegmentState& segment) {
  state.pool[segment.file_number] = {segment.file_number, segment.file_bytes,
                                     segment.written_bytes};
  Checkpoint& checkpoint = partition.checkpoint;
  if (checkpoint.file_number != segment.file_number) return;
  checkpoint = {.append_time_ms = checkpoint.append_time_ms,
                .search_bytes = checkpoint.search_bytes};
}

// The segment that a record adds, as it begins.
SegmentState segment_of(const JournalRecord& record) {
  SegmentState segment;
  segment.file_number = record.file_number;
  segment.file_bytes = record.file_bytes;
  segment.written_bytes = record.written_bytes;
  segment.base_offset = record.offset;
  segment.created_ms = record.time_ms;
  segment.generations = {{kSegmentHeaderBytes, record.generation}};
  return segment;
}

Result<void> apply_compacted(JournalState& state, const JournalRecord& record) {
  PartitionState& partition = state.partitions[record.key];
  partition.key = record.key;
  std::vector<SegmentState>& segments = partition.segments;
  if (find_segment(partition, record.file_number) != nullptr) return Error::corrupt;
  if (record.position < kSegmentHeaderBytes || record.next_offset < record.offset) {
    return Error::corrupt;
  }
  const auto [first, last] =
      compacted_range(segments, record.offset, record.next_offset,
                      [](const SegmentState& segment) -> const SegmentState& { return segment; });
  for (size_t i = first; i < last; ++i) drop_file(state, partition, segments[i]);
  const auto at = [&](size_t i) { return segments.begin() + static_cast<ptrdiff_t>(i); };
  segments.erase(at(first), at(last));
  SegmentState made = segment_of(record);
  made.compacted = made.sealed = true;
  made.end_position = record.position;
  made.next_offset = record.next_offset;
  made.max_timestamp_ms = record.max_timestamp_ms;
  segments.insert(at(first), std::move(made));
  state.pool.erase(record.file_number);
  return {};
}

// The segment and its cuts, as records that make it from nothing.
void add_segment(std::vector<JournalRecord>& records, const PartitionKey& key,
                 const SegmentState& segment) {
  records.push_back({.type = segment.compacted ? JournalRecordType::segments_compacted
                                               : JournalRecordType::segment_added,
                     .key = key,
                     .file_number = segment.file_number,
                     .file_bytes = segment.file_bytes,
                     .offset = segment.base_offset,
                     .generation = segment.generations.front().generation,
                     .time_ms = segment.created_ms,
                     .written_bytes = segment.written_bytes});
  if (segment.compacted) {
    records.back().position = std::max<uint64_t>(segment.end_position, kSegmentHeaderBytes);
    records.back().next_offset = std::max(segment.next_offset, segment.base_offset);
    records.back().max_timestamp_ms = segment.max_timestamp_ms;
  }
  for (size_t i = 1; i < segment.generations.size(); ++i) {
    records.push_back({.type = JournalRecordType::cut,
                       .key = key,
                       .file_number = segment.file_number,
                       .position = segment.generations[i].position,
                       .generation = segment.generations[i].generation,
                       .next_offset = segment.sealed ? segment.next_offset : Offset{}});
  }
  if (segment.sealed && (!segment.compacted || segment.generations.size() > 1)) {
    records.push_back({.type = JournalRecordType::segment_sealed,
                       .key = key,
                       .file_number = segment.file_number,
                       .position = segment.end_position,
                       .next_offset = segment.next_offset,
                       .written_bytes = segment.written_bytes,
                       .max_timestamp_ms = segment.max_timestamp_ms});
  }
}

}  // namespace

void cut_generations(SegmentState& segment, uint64_t position, Generation generation) {
  const auto beyond = [&](const GenerationStart& start) { return start.position >= position; };
  std::vector<GenerationStart>& starts = segment.generations;
  starts.erase(std::find_if(starts.begin() + 1, starts.end(), beyond), starts.end());
  starts.push_back({position, generation});
}

void encode_journal_record(const JournalRecord& record, uint64_t sequence,
                           uint64_t durable_sequence, uint64_t seed, std::byte* to) {
  std::memset(to, 0, kJournalRecordBytes);
  store(to, sequence);
  store(to + 8, static_cast<uint8_t>(record.type));
  store(to + 9, record.producer_batches);
  store(to + 10, record.producer_epoch);
  store(to + 12, record.producer_records);
  store(to + 16, record.key.topic.high);
  store(to + 24, record.key.topic.low);
  store(to + 32, record.key.partition);
  store(to + 36, record.leader_epoch.value);
  store(to + 40, record.file_number);
  store(to + 48, record.file_bytes);
  store(to + 56, record.position);
  store(to + 64, record.offset.value);
  store(to + 72, record.generation.value);
  store(to + 80, record.next_offset.value);
  store(to + 88, record.time_ms);
  store(to + 96, record.written_bytes);
  store(to + 104, durable_sequence);
  store(to + 112, record.max_timestamp_ms);
  store(to + kChecksumPosition, xxh3_64({to, kChecksumPosition}, record_seed(seed, sequence)));
}

std::optional<DecodedJournalRecord> decode_journal_record(const std::byte* from, uint64_t sequence,
                                                          uint64_t seed) {
  if (load<uint64_t>(from) != sequence) return std::nullopt;
  if (load<uint64_t>(from + kChecksumPosition) !=
      xxh3_64({from, kChecksumPosition}, record_seed(seed, sequence))) {
    return std::nullopt;
  }
  DecodedJournalRecord decoded;
  JournalRecord& record = decoded.record;
  record.type = static_cast<JournalRecordType>(load<uint8_t>(from + 8));
  record.producer_batches = load<uint8_t>(from + 9);
  record.producer_epoch = load<int16_t>(from + 10);
  record.producer_records = load<uint32_t>(from + 12);
  record.key.topic = {load<uint64_t>(from + 16), load<uint64_t>(from + 24)};
  record.key.partition = load<uint32_t>(from + 32);
  record.leader_epoch = {load<int32_t>(from + 36)};
  record.file_number = load<uint64_t>(from + 40);
  record.file_bytes = load<uint64_t>(from + 48);
  record.position = load<uint64_t>(from + 56);
  record.offset = {load<uint64_t>(from + 64)};
  record.generation = {load<uint64_t>(from + 72)};
  record.next_offset = {load<uint64_t>(from + 80)};
  record.time_ms = load<int64_t>(from + 88);
  record.written_bytes = load<uint64_t>(from + 96);
  record.max_timestamp_ms = load<int64_t>(from + 112);
  decoded.durable_sequence = load<uint64_t>(from + 104);
  return decoded;
}

Result<void> JournalState::apply(const JournalRecord& record) {
  switch (record.type) {
    case JournalRecordType::segment_added: {
      PartitionState& partition = partitions[record.key];
      partition.key = record.key;
      if (find_segment(partition, record.file_number) != nullptr) return Error::corrupt;
      partition.segments.push_back(segment_of(record));
      pool.erase(record.file_number);
      return {};
    }
    case JournalRecordType::pool_added:
      pool[record.file_number] = {record.file_number, record.file_bytes, record.written_bytes};
      return {};
    case JournalRecordType::pool_removed: pool.erase(record.file_number); return {};
    case JournalRecordType::log_start:
    case JournalRecordType::epoch: {
      PartitionState& partition = partitions[record.key];
      partition.key = record.key;
      if (record.type == JournalRecordType::log_start) {
        partition.log_start_offset = record.offset;
      } else {
        if (!partition.epochs.empty() && partition.epochs.back().epoch >= record.leader_epoch) {
          return Error::corrupt;
        }
        partition.epochs.push_back({record.leader_epoch, record.offset});
      }
      return {};
    }
    case JournalRecordType::partition_reset:
    case JournalRecordType::partition_removed:
    case JournalRecordType::partition_expired: {
      const auto found = partitions.find(record.key);
      if (found != partitions.end()) {
        for (const SegmentState& segment : found->second.segments) {
          pool[segment.file_number] = {segment.file_number, segment.file_bytes,
                                       segment.written_bytes};
        }
        partitions.erase(found);
      }
      // What has expired may still be sent again: only who begins anew forgets his producers.
      if (record.type != JournalRecordType::partition_expired) producers.erase(record.key);
      if (record.type == JournalRecordType::partition_removed) return {};
      PartitionState& partition = partitions[record.key];
      partition = {.key = record.key, .log_start_offset = record.offset};
      if (record.type == JournalRecordType::partition_reset) return {};
      partition.epochs = {{record.leader_epoch, record.offset}};
      partition.checkpoint.append_time_ms = record.time_ms;
      return {};
    }
    case JournalRecordType::segments_compacted: return apply_compacted(*this, record);
    case JournalRecordType::segment_sealed:
    case JournalRecordType::segment_dropped:
    case JournalRecordType::cut:
    case JournalRecordType::compacted_up_to:
    case JournalRecordType::checkpoint: break;
    case JournalRecordType::producer:
    case JournalRecordType::producer_removed:
    case JournalRecordType::producers_expired: return apply_producers(record);
    default: return Error::unsupported;
  }
  const auto found = partitions.find(record.key);
  if (found == partitions.end()) return Error::corrupt;
  PartitionState& partition = found->second;
  if (record.type == JournalRecordType::checkpoint && record.file_number == 0) {
    partition.checkpoint = {.append_time_ms = record.time_ms, .search_bytes = record.file_bytes};
    return {};
  }
  if (record.type == JournalRecordType::compacted_up_to) {
    partition.compacted_end = record.offset;
    partition.tombstones_due_ms = record.time_ms;
    return {};
  }
  SegmentState* segment = find_segment(partition, record.file_number);
  if (segment == nullptr) return Error::corrupt;
  switch (record.type) {
    case JournalRecordType::segment_sealed:
      segment->sealed = true;
      segment->end_position = record.position;
      segment->next_offset = record.next_offset;
      segment->max_timestamp_ms = record.max_timestamp_ms;
      segment->written_bytes = std::max(segment->written_bytes, record.written_bytes);
      return {};
    case JournalRecordType::segment_dropped:
      segment->written_bytes = std::max(segment->written_bytes, record.written_bytes);
      drop_file(*this, partition, *segment);
      partition.segments.erase(partition.segments.begin() + (segment - partition.segments.data()));
      return {};
    case JournalRecordType::cut: {
      const Result<void> applied = apply_cut(partition, record);
      if (applied.ok()) cut_producers(producers, record.key, record.next_offset);
      return applied;
    }
    default:
      partition.checkpoint = {record.file_number, record.position,   record.next_offset,
                              record.time_ms,     record.file_bytes, record.max_timestamp_ms};
      return {};
  }
}

Result<void> JournalState::apply_producers(const JournalRecord& record) {
  if (!partitions.contains(record.key)) return Error::corrupt;
  if (record.type == JournalRecordType::producer) {
    const std::optional<IdentifiedProducer> producer = producer_of(record);
    if (!producer) return Error::corrupt;
    producers[record.key][producer->id] = producer->state;
    return {};
  }
  const auto found = producers.find(record.key);
  if (found == producers.end()) return {};
  if (record.type == JournalRecordType::producer_removed) {
    found->second.erase(static_cast<int64_t>(record.file_number));
  } else {
    std::erase_if(found->second, [&](const auto& producer) {
      return producer.second.last_append_time_ms < record.time_ms;
    });
  }
  if (found->second.empty()) producers.erase(found);
  return {};
}

std::vector<JournalRecord> JournalState::snapshot() const {
  std::vector<JournalRecord> records;
  for (const auto& [number, file] : pool) {
    records.push_back({.type = JournalRecordType::pool_added,
                       .file_number = number,
                       .file_bytes = file.file_bytes,
                       .written_bytes = file.written_bytes});
  }
  for (const auto& [key, partition] : partitions) {
    for (const SegmentState& segment : partition.segments) add_segment(records, key, segment);
    records.push_back(
        {.type = JournalRecordType::log_start, .key = key, .offset = partition.log_start_offset});
    for (const EpochStart& start : partition.epochs) {
      records.push_back({.type = JournalRecordType::epoch,
                         .key = key,
                         .leader_epoch = start.epoch,
                         .offset = start.start_offset});
    }
    const Checkpoint& checkpoint = partition.checkpoint;
    // Also where there is none: the cuts above are checkpoints too, and must not stay.
    records.push_back({.type = JournalRecordType::checkpoint,
                       .key = key,
                       .file_number = checkpoint.file_number,
                       .file_bytes = checkpoint.search_bytes,
                       .position = checkpoint.position,
                       .next_offset = checkpoint.next_offset,
                       .time_ms = checkpoint.append_time_ms,
                       .max_timestamp_ms = checkpoint.max_timestamp_ms});
    if (partition.compacted_end == Offset{}) continue;
    // Behind the cuts, which lower it.
    records.push_back({.type = JournalRecordType::compacted_up_to,
                       .key = key,
                       .offset = partition.compacted_end,
                       .time_ms = partition.tombstones_due_ms});
  }
  for (const auto& [key, of_partition] : producers) {
    for (const auto& [id, state] : of_partition) records.push_back(producer_record(key, id, state));
  }
  return records;
}

}  // namespace penstock
