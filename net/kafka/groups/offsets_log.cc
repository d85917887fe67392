#include "net/kafka/groups/offsets_log.h"

#include "engine/record_batch.h"

namespace penstock::kafka {
namespace {

constexpr size_t kBatchBytes = 512 << 10;  // one record may be larger
constexpr size_t kRecordOverheadBytes = 64;

// Cuts the records into batches of a size that the log takes.
Result<std::vector<std::vector<std::byte>>> build_batches(
    const std::vector<NewGroupRecord>& records, int64_t now_ms) {
  std::vector<std::vector<std::byte>> batches;
  RecordBatchBuilder builder({});
  for (const NewGroupRecord& record : records) {
    const size_t bytes =
        record.key.size() + (record.value ? record.value->size() : 0) + kRecordOverheadBytes;
    if (RecordBatch::kHeaderBytes + bytes > kMaxMessageBytesLimit) return Error::too_large;
    if (builder.record_count() > 0 && builder.size_bytes() + bytes > kBatchBytes) {
      batches.push_back(builder.build());
    }
    RecordBatchBuilder::NewRecord added;
    added.timestamp_ms = now_ms;
    added.key = record.key;
    if (record.value) added.value = *record.value;
    builder.add(added);
  }
  if (builder.record_count() > 0) batches.push_back(builder.build());
  return batches;
}

struct PendingAppend {
  std::vector<std::byte> batch;
  Result<AppendResult> result = Error::closed;
};

Task<void> append_one(Engine& engine, PartitionKey partition, PendingAppend& pending) {
  pending.result = co_await engine.append(partition, pending.batch);
}

}  // namespace

Task<Result<std::vector<uint64_t>>> append_group_records(Engine& engine, PartitionKey partition,
                                                         std::vector<NewGroupRecord> records) {
  Result<std::vector<std::vector<std::byte>>> batches =
      build_batches(records, engine.doors().clock.wall_ms());
  if (!batches.ok()) co_return batches.error();
  std::vector<PendingAppend> appends;
  for (std::vector<std::byte>& batch : batches.value()) {
    appends.push_back({std::move(batch), Error::closed});
  }
  TaskGroup running;
  for (PendingAppend& pending : appends) running.spawn(append_one(engine, partition, pending));
  co_await running.wait_empty();
  co_await engine.doors().scheduler.yield();  // the last one is still on the stack
  std::vector<uint64_t> offsets;
  for (const PendingAppend& pending : appends) {
    if (!pending.result.ok()) co_return pending.result.error();
    RecordBatch::Rules rules;
    rules.produced = rules.crc = rules.records = false;
    const uint32_t count = RecordBatch::parse(pending.batch, rules).value().record_count();
    for (uint32_t i = 0; i < count; ++i) {
      offsets.push_back(pending.result.value().base_offset.value + i);
    }
  }
  co_return offsets;
}

}  // namespace penstock::kafka
