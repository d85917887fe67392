#include "engine/batch_filter.h"

#include <algorithm>

#include "engine/topic_config.h"

namespace penstock {
namespace {

constexpr int kLevelHardest = 12;  // of gzip it is 9; zstd's above take a second for a megabyte

// A batch's records one after the other. Where compressed batches were taken unseen, a record may claim an offset that
// is not its batch's, or not behind the one before it.
class RecordWalk {
 public:
  RecordWalk(std::span<const std::byte> records, const RecordBatch& batch)
      : reader_(records, batch.record_count(), batch.base_timestamp_ms()),
        offset_deltas_end_(uint64_t{batch.last_offset_delta()} + 1) {}

  bool next(Record& record) {
    if (!reader_.next(record)) {
      corrupt_ = reader_.fault().has_value();
      return false;
    }
    const uint64_t offset_delta = record.offset_delta;
    corrupt_ = offset_delta < next_offset_delta_ || offset_delta >= offset_deltas_end_;
    next_offset_delta_ = offset_delta + 1;
    return !corrupt_;
  }
  bool corrupt() const { return corrupt_; }
  std::span<const std::byte> rest() const { return reader_.rest(); }  // behind the last one

 private:
  RecordReader reader_;
  uint64_t next_offset_delta_ = 0;
  uint64_t offset_deltas_end_;
  bool corrupt_ = false;
};

}  // namespace

Result<std::span<const std::byte>> BatchFilter::records_of(const RecordBatch& batch) {
  Result<std::span<const std::byte>> records = batch.records();
  if (batch.codec() != Codec::none && batch.record_count() > 0) {
    records = decompressor_.decompress(batch.codec(), batch.records(),
                                       decompressed_bytes_max(kMaxMessageBytesLimit));
  }
  if (records.ok()) worked_bytes_ += records.value().size();
  return records;
}

bool BatchFilter::is_last(const RecordBatch& batch, const Record& record) const {
  return batch.base_offset() + record.offset_delta + 1 == rules_.log_end;
}

// What has no key belongs to no other record, and is of no use in a log of the last record per key.
bool BatchFilter::stays(const RecordBatch& batch, const Record& record) const {
  if (is_last(batch, record)) return true;
  if (!record.key) return false;
  const Offset offset = batch.base_offset() + record.offset_delta;
  const std::optional<Offset> last = keys_.find(*record.key);
  if (last && *last > offset) return false;
  if (record.value || offset >= rules_.mapped_end) return true;
  return !batch.has_delete_horizon() || rules_.now_ms < batch.base_timestamp_ms();
}

// Puts the records that stay into kept_; their timestamps add to `new_horizon_ms` if there is one.
Result<BatchFilter::Kept> BatchFilter::keep(const RecordBatch& batch,
                                            std::span<const std::byte> records,
                                            std::optional<int64_t> new_horizon_ms) {
  Kept kept;
  kept.contents.delete_horizon_ms = new_horizon_ms;
  kept_.clear();
  RecordWalk walk(records, batch);
  std::span<const std::byte> rest = records;
  Record record;
  while (walk.next(record)) {
    const std::span<const std::byte> bytes = rest.first(rest.size() - walk.rest().size());
    rest = walk.rest();
    if (!stays(batch, record)) continue;
    kept.tombstones = kept.tombstones || (!record.value && !is_last(batch, record));
    ++kept.contents.record_count;
    kept.contents.max_timestamp_ms = std::max(kept.contents.max_timestamp_ms, record.timestamp_ms);
    if (new_horizon_ms) {
      append_rebased_record(kept_, bytes, record.timestamp_ms - *new_horizon_ms);
    } else {
      kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    }
  }
  if (walk.corrupt()) return Error::corrupt;
  // Their time is that of their append.
  if (batch.log_append_time()) {
    kept.contents.max_timestamp_ms = batch.header_max_timestamp_ms();
  }
  return kept;
}

Result<BatchFilter::Filtered> BatchFilter::filter(const RecordBatch& batch, Room room) {
  Filtered filtered;
  filtered.batch = batch.bytes();
  filtered.contents.record_count = batch.record_count();
  if (batch.control()) return filtered;
  const Result<std::span<const std::byte>> records = records_of(batch);
  if (!records.ok()) return records.error();
  Result<Kept> kept = keep(batch, records.value(), std::nullopt);
  if (!kept.ok()) return kept.error();
  std::optional<int64_t> horizon_ms = batch.delete_horizon_ms();
  const bool mapped = batch.last_offset() < rules_.mapped_end;
  if (kept.value().tombstones && mapped && !horizon_ms && room == Room::plenty) {
    constexpr int64_t kNever = INT64_MAX - 1;
    horizon_ms = rules_.now_ms + std::min(rules_.delete_retention_ms, kNever - rules_.now_ms);
    kept = keep(batch, records.value(), horizon_ms);
  }
  filtered.contents = kept.value().contents;
  if (kept.value().tombstones) filtered.tombstones_due_ms = horizon_ms.value_or(INT64_MAX);
  if (filtered.contents.record_count == 0) {
    filtered.verdict = Verdict::empty;
    filtered.batch = {};
    return filtered;
  }
  const bool same = !filtered.contents.delete_horizon_ms &&
                    filtered.contents.record_count == batch.record_count();
  if (same) return filtered;
  filtered.verdict = Verdict::changed;
  const Result<void> made = make(batch, filtered.contents, room);
  if (!made.ok()) return made.error();
  filtered.batch = batch_;
  return filtered;
}

// The batch with what is in kept_.
Result<void> BatchFilter::make(const RecordBatch& batch, const RecordBatch::Contents& contents,
                               Room room) {
  const std::span<const std::byte> header = batch.bytes().first(RecordBatch::kHeaderBytes);
  batch_.assign(header.begin(), header.end());
  if (batch.codec() == Codec::none) {
    batch_.insert(batch_.end(), kept_.begin(), kept_.end());
  } else {
    std::optional<int> level;
    if (room == Room::least) level = kLevelHardest;
    const Result<void> packed = compressor_.compress(batch.codec(), level, kept_, batch_);
    worked_bytes_ += kept_.size();
    if (!packed.ok()) return packed.error();
  }
  RecordBatch::set_contents(batch_, contents);
  return {};
}

Result<Offset> BatchFilter::map(const RecordBatch& batch, Offset from) {
  const Offset end = batch.last_offset() + 1;
  if (batch.control()) return end;
  const Result<std::span<const std::byte>> records = records_of(batch);
  if (!records.ok()) return records.error();
  RecordWalk walk(records.value(), batch);
  Record record;
  while (walk.next(record)) {
    const Offset offset = batch.base_offset() + record.offset_delta;
    if (offset < from || !record.key) continue;
    if (!keys_.put(*record.key, offset)) return offset;
    ++mapped_records_;
  }
  if (walk.corrupt()) return Error::corrupt;
  return end;
}

}  // namespace penstock
