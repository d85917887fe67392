// Which offset a time has in a partition: the index says which batch, its records say which of them.
#include <algorithm>

#include "engine/compression.h"
#include "engine/partition.h"
#include "engine/record_batch.h"

namespace penstock {
namespace {

constexpr size_t kHeadersWindowBytes = 64 << 10;

// One batch's bytes in one piece, wherever they lie.
std::vector<std::byte> joined(const ReadResult& read) {
  std::vector<std::byte> bytes;
  bytes.reserve(read.size_bytes);
  for (const ReadSlice& slice : read.slices) {
    bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
  }
  return bytes;
}

// The records of batches, unpacked first where they are compressed.
class UnpackedRecords {
 public:
  explicit UnpackedRecords(uint32_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  // They last until the next call. Nothing: they are not what they say.
  std::optional<RecordReader> of(const RecordBatch& batch) {
    if (batch.codec() == Codec::none) return batch.reader();
    // A topic's limit may have been higher when the batch came.
    const auto size_bytes = static_cast<uint32_t>(batch.size_bytes());
    const size_t bytes_max = decompressed_bytes_max(std::max(max_message_bytes_, size_bytes));
    const auto unpacked = decompressor_.decompress(batch.codec(), batch.records(), bytes_max);
    if (!unpacked.ok()) return std::nullopt;
    std::optional<int64_t> append_time_ms;
    if (batch.log_append_time()) append_time_ms = batch.header_max_timestamp_ms();
    return RecordReader(unpacked.value(), batch.record_count(), batch.base_timestamp_ms(),
                        append_time_ms);
  }

 private:
  uint32_t max_message_bytes_;
  Decompressor decompressor_;
};

// The first record of `batch` from `from` on, at or after `timestamp_ms`. Where records cannot be unpacked, the batch
// answers as a whole.
std::optional<OffsetAndTimestamp> first_at(const RecordBatch& batch, int64_t timestamp_ms,
                                           Offset from, UnpackedRecords& records) {
  if (batch.max_timestamp_ms() < timestamp_ms) return std::nullopt;
  const LeaderEpoch epoch{batch.leader_epoch()};
  std::optional<RecordReader> reader = records.of(batch);
  Record record;
  while (reader && reader->next(record)) {
    if (record.timestamp_ms < timestamp_ms) continue;
    if (batch.base_offset() + record.offset_delta < from) continue;
    return OffsetAndTimestamp{batch.base_offset() + record.offset_delta, record.timestamp_ms,
                              epoch};
  }
  if (reader && !reader->fault()) return std::nullopt;
  return OffsetAndTimestamp{std::max(batch.base_offset(), from), batch.max_timestamp_ms(), epoch};
}

// The largest timestamp of one batch's records from `from` on.
std::optional<int64_t> largest_timestamp(const ReadResult& read, Offset from,
                                         UnpackedRecords& records) {
  const std::vector<std::byte> bytes = joined(read);
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;
  const ParsedBatch batch = RecordBatch::parse(bytes, rules);
  if (!batch.ok()) return std::nullopt;
  std::optional<RecordReader> reader = records.of(batch.value());
  if (!reader) return batch.value().max_timestamp_ms();
  std::optional<int64_t> largest;
  Record record;
  while (reader->next(record)) {
    if (batch.value().base_offset() + record.offset_delta < from) continue;
    largest = std::max(largest.value_or(INT64_MIN), record.timestamp_ms);
  }
  return largest;
}

}  // namespace

// The part of a segment that was there before this life and is not indexed yet: walked once, by its headers.
Task<Result<void>> Partition::index_earlier_frames(Segment& segment) {
  const uint64_t cuts = cut_count_;
  auto index = std::make_unique<SegmentIndex>(segment.state.base_offset);
  bool complete = true;
  FrameScanner::Options options;
  options.mode = FrameScanner::Mode::headers;
  options.position = kSegmentHeaderBytes;
  options.limit = segment.indexed_position;
  options.window_bytes = kHeadersWindowBytes;
  if (options.limit > options.position) {
    const Result<void> opened = co_await open_file(segment);
    if (!opened.ok()) co_return opened.error();
    FrameScanner scanner(services_.doors, segment.file, key_, segment.state.generations, options);
    Offset next_offset = segment.state.base_offset;
    for (;;) {
      const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
      if (!next.ok()) co_return next.error();
      if (!next.value()) break;
      const FrameHeader& header = next.value()->header;
      if (header.base_offset < next_offset) break;
      index->add(header, next.value()->position);
      next_offset = header.next_offset();
    }
    complete = scanner.position() == options.limit;
    if (!complete && cut_count_ == cuts) (void)tell_damage(segment, scanner.position());
  }
  if (cut_count_ != cuts) co_return Error::busy;  // it describes what is no more
  segment.earlier_index = std::move(index);
  segment.earlier_complete = complete;
  co_return Result<void>();
}

Task<Result<std::optional<OffsetAndTimestamp>>> Partition::find_timestamp(int64_t timestamp_ms) {
  using Found = std::optional<OffsetAndTimestamp>;
  const Result<void> open = usable();
  if (!open.ok()) co_return open.error();
  UnpackedRecords records(config_.max_message_bytes);
  uint64_t cuts = cut_count_;
  Offset offset = log_start_;
  while (offset < high_watermark_) {
    if (cut_count_ != cuts) offset = log_start_;
    cuts = cut_count_;
    offset = std::max(offset, log_start_);
    if (offset >= high_watermark_) break;
    Segment* segment = find_segment(offset);
    if (segment->max_timestamp_ms < timestamp_ms) {
      offset = std::max(offset + 1, segment->next_offset);
      continue;
    }
    const SegmentPin pin(*segment);
    if (offset < segment->indexed_offset && !segment->earlier_index) {
      const Result<void> indexed = co_await index_earlier_frames(*segment);
      if (cut_count_ != cuts) continue;
      if (!indexed.ok()) co_return indexed.error();
    }
    std::optional<Offset> start;
    if (segment->earlier_index) start = segment->earlier_index->find_time(timestamp_ms);
    if (!start && segment->earlier_index && !segment->earlier_complete) co_return Error::corrupt;
    if (!start) start = segment->index.find_time(timestamp_ms);
    if (!start) {
      offset = std::max(offset + 1, segment->next_offset);
      continue;
    }
    offset = std::max({offset, *start, log_start_});
    const Offset end = segment->next_offset;
    while (offset < end && offset < high_watermark_) {
      const Result<ReadResult> got = co_await read(offset, 1);
      if (cut_count_ != cuts) break;
      if (offset < log_start_) {  // moved meanwhile
        offset = log_start_;
        continue;
      }
      if (!got.ok()) co_return got.error();
      if (got.value().size_bytes == 0) break;
      const std::vector<std::byte> bytes = joined(got.value());
      RecordBatch::Rules rules;
      rules.produced = false;
      rules.crc = false;
      const ParsedBatch batch = RecordBatch::parse(bytes, rules);
      if (batch.ok()) {
        const Found found = first_at(batch.value(), timestamp_ms, log_start_, records);
        if (found) co_return found;
      }
      offset = got.value().next_offset;
    }
    if (cut_count_ == cuts) offset = std::max(offset, end);
  }
  co_return Found();
}

Task<Result<std::optional<OffsetAndTimestamp>>> Partition::find_max_timestamp() {
  int64_t largest = INT64_MIN;
  for (const auto& segment : segments_) largest = std::max(largest, segment->max_timestamp_ms);
  if (largest == INT64_MIN) co_return std::optional<OffsetAndTimestamp>();
  Result<std::optional<OffsetAndTimestamp>> found = co_await find_timestamp(largest);
  if (!found.ok() || found.value()) co_return found;
  // The record it was known for is below the log start: what is left must be looked through.
  UnpackedRecords records(config_.max_message_bytes);
  largest = INT64_MIN;
  Offset offset = log_start_;
  while (offset < high_watermark_) {
    const Result<ReadResult> got = co_await read(std::max(offset, log_start_), 1);
    if (!got.ok()) co_return got.error();
    const auto timestamp = largest_timestamp(got.value(), log_start_, records);
    if (timestamp) largest = std::max(largest, *timestamp);
    co_await services_.doors.scheduler.yield();  // a whole log is looked through
    offset = got.value().next_offset;
  }
  if (largest == INT64_MIN) co_return std::optional<OffsetAndTimestamp>();
  co_return co_await find_timestamp(largest);
}

}  // namespace penstock
