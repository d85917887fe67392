// How groups are read from their partitions.
#include <fmt/format.h>

#include "net/kafka/groups/group_coordinator_parts.h"
#include "net/kafka/groups/group_replay.h"
#include "net/kafka/internal_topics.h"

namespace penstock::kafka {

Task<void> GroupCoordinator::load_all() {
  const Topic* topic = engine_.catalog().find(kOffsetsTopic);
  if (topic == nullptr) co_return;
  std::vector<PartitionKey> here;
  for (uint32_t index = 0; index < topic->partition_count; ++index) {
    const PartitionKey partition{topic->id, index};
    if (engine_.owner_of(partition) == engine_.doors().scheduler.reactor_index()) {
      here.push_back(partition);
    }
  }
  for (const PartitionKey& partition : here) {
    partitions_[partition.partition] = PartitionState::loading;
  }
  for (const PartitionKey& partition : here) {
    partitions_.erase(partition.partition);
    if (!stopping_) (void)co_await make_ready(partition);
  }
}

// A partition that could not be read is read again when it is asked for next.
Task<KafkaError> GroupCoordinator::make_ready(PartitionKey partition) {
  if (stopping_) co_return KafkaError::not_coordinator;
  const auto [found, first] = partitions_.try_emplace(partition.partition, PartitionState::loading);
  if (!first) {
    co_return found->second == PartitionState::ready ? KafkaError::none
                                                     : KafkaError::coordinator_load_in_progress;
  }
  const Result<void> loaded = co_await load(partition);
  if (!loaded.ok()) {
    partitions_.erase(partition.partition);
    co_return coordinator_error_of(loaded.error());
  }
  partitions_[partition.partition] = PartitionState::ready;
  co_return KafkaError::none;
}

Task<Result<void>> GroupCoordinator::load(PartitionKey partition) {
  constexpr size_t kReadBytes = 1 << 20;
  const Result<PartitionOffsets> offsets = co_await engine_.offsets(partition);
  if (!offsets.ok()) co_return offsets.error();
  GroupReplay replay;
  Offset next = offsets.value().log_start;
  while (next < offsets.value().high_watermark) {
    Result<ReadResult> read = co_await engine_.read(partition, next, kReadBytes);
    if (!read.ok()) co_return read.error();
    std::vector<std::byte> batches;
    for (const ReadSlice& slice : read.value().slices) {
      batches.insert(batches.end(), slice.bytes.begin(), slice.bytes.end());
    }
    const Result<void> applied = replay.apply(batches);
    if (!applied.ok()) co_return applied.error();
    if (read.value().next_offset == next) co_return Error::corrupt;
    next = read.value().next_offset;
    co_await engine_.doors().scheduler.yield();
    if (stopping_) co_return Error::closed;
  }
  if (replay.unreadable_count() > 0) {
    engine_.doors().reporter.report(
        Severity::warning,
        fmt::format("{} records of {} partition {} cannot be read", replay.unreadable_count(),
                    kOffsetsTopic, partition.partition));
  }
  for (GroupReplay::Replayed& one : replay.take_groups(engine_.doors().clock, settings_)) {
    const EntryPointer entry = make_entry(partition, std::move(one.group));
    entry->consumer = std::move(one.consumer);
    count_memory(*entry);
    arm(*entry);
  }
  co_return Result<void>();
}

}  // namespace penstock::kafka
