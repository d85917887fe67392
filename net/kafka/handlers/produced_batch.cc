#include "net/kafka/handlers/produced_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/record_batch.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kZstdVersionFirst = 7;
constexpr int64_t kNoTimestamp = -1;
constexpr size_t kLaboriousBytes = 128
                                   << 10;  // unpacked: beyond, a batch takes a millisecond or more

struct Refusal {
  KafkaError error;
  const char* message;
};

// What Kafka answers to each fault of a batch, and in words.
Refusal refusal_of(BatchFault fault) {
  using enum KafkaError;
  switch (fault) {
    case BatchFault::truncated:
      return {corrupt_message, "The batch ends before its length says so."};
    case BatchFault::length: return {corrupt_message, "The batch's length is that of no batch."};
    case BatchFault::magic_old:
      return {unsupported_for_message_format, "Message formats 0 and 1 are not served."};
    case BatchFault::magic_unknown: return {corrupt_message, "The batch's magic is not 2."};
    case BatchFault::base_offset: return {invalid_record, "The batch's base offset is not 0."};
    case BatchFault::too_large:
      return {message_too_large, "The batch is larger than max.message.bytes of its topic."};
    case BatchFault::crc: return {corrupt_message, "The batch does not match its checksum."};
    case BatchFault::reserved_attributes:
      return {invalid_record, "An attribute of the batch is one that producers may not set."};
    case BatchFault::codec_unknown:
      return {unsupported_compression_type, "The batch's codec is unknown."};
    case BatchFault::control: return {invalid_record, "Producers may not write control batches."};
    case BatchFault::record_count:
      return {invalid_record, "The batch's record count is not that of its records."};
    case BatchFault::last_offset_delta:
      return {invalid_record, "The batch's last offset delta does not go with its record count."};
    case BatchFault::producer:
      return {invalid_record, "The batch's producer id, epoch and sequence do not go together."};
    case BatchFault::log_append_time:
      return {invalid_timestamp, "Producers may not set the time of append."};
    case BatchFault::compression:
      return {corrupt_message, "The records are not a whole stream of the batch's codec."};
    case BatchFault::decompressed_size:
      return {invalid_record,
              "The records are more than eight times max.message.bytes when decompressed."};
    case BatchFault::varint: return {corrupt_message, "A number in a record is too long."};
    case BatchFault::record_structure:
      return {invalid_record, "A length or a count in a record is wrong."};
    case BatchFault::offset_delta:
      return {invalid_record, "The records' offset deltas are not 0, 1, 2 and so on."};
    case BatchFault::timestamp:
      return {invalid_timestamp, "The time of a record is before 1970, or after the end of time."};
  }
  return {corrupt_message, "The batch is not one."};
}

ProducedBatch refused(KafkaError error, std::string message) {
  ProducedBatch batch;
  batch.error = error;
  batch.message = std::move(message);
  return batch;
}

ProducedBatch refused(const ParsedBatch& parsed) {
  const Refusal refusal = refusal_of(parsed.fault());
  ProducedBatch batch = refused(refusal.error, refusal.message);
  if (parsed.fault() == BatchFault::timestamp) {
    batch.bad_records.push_back({parsed.fault_record(), refusal.message});
  }
  return batch;
}

// Where the records' own times may lie.
struct TimeRange {
  int64_t low_ms;
  int64_t high_ms;

  bool holds(int64_t timestamp_ms) const {
    return timestamp_ms == kNoTimestamp || (timestamp_ms >= low_ms && timestamp_ms <= high_ms);
  }
};

TimeRange time_range_of(const TopicConfig& config, int64_t now_ms) {
  TimeRange range{0, std::numeric_limits<int64_t>::max()};
  if (config.log_append_time) return range;
  if (__builtin_sub_overflow(now_ms, config.timestamp_before_ms_max, &range.low_ms)) {
    range.low_ms = std::numeric_limits<int64_t>::min();
  }
  if (__builtin_add_overflow(now_ms, config.timestamp_after_ms_max, &range.high_ms)) {
    range.high_ms = std::numeric_limits<int64_t>::max();
  }
  return range;
}

// As the batch is known: by its records, or by its header alone.
bool all_in_time(const RecordBatch& batch, const TimeRange& range) {
  if (!range.holds(batch.max_timestamp_ms())) return false;
  return batch.walked() ? batch.min_timestamp_ms() >= range.low_ms
                        : range.holds(batch.base_timestamp_ms());
}

std::string untimely(int64_t timestamp_ms, const TimeRange& range) {
  return fmt::format("The time {} is out of the range that the topic takes now, {} to {}.",
                     timestamp_ms, range.low_ms, range.high_ms);
}

// Looks for the records that `topic` does not take; there is at least one.
ProducedBatch refuse_records(const Topic& topic, const RecordBatch& batch, const TimeRange& range) {
  ProducedBatch result = refused(KafkaError::invalid_record, {});
  uint32_t count = 0;
  RecordReader reader = batch.reader();
  Record record;
  for (uint32_t index = 0; reader.next(record); ++index) {
    const bool keyless = topic.config.compact_policy && !record.key;
    const bool timely = range.holds(record.timestamp_ms);
    if (!timely) result.error = KafkaError::invalid_timestamp;
    if (timely && !keyless) continue;
    if (++count > ProducedBatch::kBadRecordsMax) continue;
    result.bad_records.push_back({index, keyless
                                             ? "A compacted topic takes no record without a key."
                                             : untimely(record.timestamp_ms, range)});
  }
  result.message =
      fmt::format("{} of the batch's {} records {}; the first: {}", count, batch.record_count(),
                  count == 1 ? "is refused" : "are refused", result.bad_records.front().message);
  return result;
}

// The codec a topic keeps batches in, or that of the batch.
Codec wanted_codec(const TopicConfig& config, Codec codec) {
  switch (config.compression) {
    case CompressionType::producer: return codec;
    case CompressionType::uncompressed: return Codec::none;
    case CompressionType::gzip: return Codec::gzip;
    case CompressionType::snappy: return Codec::snappy;
    case CompressionType::lz4: return Codec::lz4;
    case CompressionType::zstd: return Codec::zstd;
  }
  return codec;
}

std::optional<int> level_of(const TopicConfig& config, Codec codec) {
  if (codec == Codec::gzip) return config.gzip_level;
  if (codec == Codec::lz4) return config.lz4_level;
  if (codec == Codec::zstd) return config.zstd_level;
  return std::nullopt;
}

// The same records and header in another codec. The size limit holds for what is kept, too.
ProducedBatch recompress(const TopicConfig& config, const RecordBatch& batch, Codec codec,
                         Compressor& compressor) {
  ProducedBatch result;
  const std::span<const std::byte> header = batch.bytes().first(RecordBatch::kHeaderBytes);
  result.recompressed.assign(header.begin(), header.end());
  const Result<void> packed = compressor.compress(codec, level_of(config, codec),
                                                  batch.plain_records(), result.recompressed);
  if (!packed.ok()) return refused(KafkaError::unknown_server_error, "There is no memory.");
  if (result.recompressed.size() > config.max_message_bytes) {
    return refused(
        KafkaError::message_too_large,
        fmt::format("In the topic's codec the batch is {} bytes long, which is more than "
                    "its max.message.bytes.",
                    result.recompressed.size()));
  }
  RecordBatch::set_codec(result.recompressed, codec);
  result.bytes = result.recompressed;
  return result;
}

// What needs no look at the records. Nothing: go on.
std::optional<ProducedBatch> refuse_header(const RecordBatch& batch, size_t received_bytes,
                                           int16_t version) {
  if (batch.size_bytes() != received_bytes) {
    return refused(KafkaError::invalid_record, "There is more than one record batch.");
  }
  if (batch.codec() == Codec::zstd && version < kZstdVersionFirst) {
    return refused(KafkaError::unsupported_compression_type, "zstd needs Produce version 7.");
  }
  if (batch.transactional()) {
    return refused(KafkaError::invalid_txn_state, "Transactions are not served.");
  }
  return std::nullopt;
}

}  // namespace

ProducedBatch take_batch(const Topic& topic, const std::optional<Records>& records, int16_t version,
                         int64_t now_ms, BatchCodecs& codecs) {
  if (!records || records->size_bytes() == 0) {
    return refused(KafkaError::invalid_record, "There is no record batch.");
  }
  const std::span<const std::byte> bytes = records->bytes();
  const TopicConfig& config = topic.config;
  RecordBatch::Rules rules;
  rules.size_bytes_max = config.max_message_bytes;
  rules.records = false;
  const ParsedBatch header = RecordBatch::parse(bytes, rules);
  if (!header.ok()) return refused(header);
  if (auto refusal = refuse_header(header.value(), bytes.size(), version)) return *refusal;

  const Codec came_in = header.value().codec();
  const Codec kept_in = wanted_codec(config, came_in);
  rules.crc = false;
  rules.records = true;
  rules.decompressed_bytes_max = decompressed_bytes_max(config.max_message_bytes);
  // Compaction could not keep a record without a key, and must be able to read all of them.
  const bool unpack = config.check_compressed || config.compact_policy || kept_in != came_in;
  if (unpack) rules.decompressor = &codecs.decompressor;
  const ParsedBatch parsed = RecordBatch::parse(bytes, rules);
  if (!parsed.ok()) return refused(parsed);
  const RecordBatch& batch = parsed.value();

  const TimeRange range = time_range_of(config, now_ms);
  const bool timely = all_in_time(batch, range);
  if (!timely && !batch.walked()) {
    return refused(KafkaError::invalid_timestamp, untimely(batch.max_timestamp_ms(), range));
  }
  if (!timely || (config.compact_policy && batch.has_null_key())) {
    return refuse_records(topic, batch, range);
  }
  // The frame is ours, and the handler's alone. Producers may lie about the largest timestamp; what is stored is the
  // truth.
  const std::span<std::byte> writable(const_cast<std::byte*>(bytes.data()), bytes.size());
  if (batch.max_timestamp_ms() != batch.header_max_timestamp_ms()) {
    RecordBatch::set_max_timestamp(writable, batch.max_timestamp_ms());
  }
  ProducedBatch result;
  result.bytes = writable;
  if (kept_in != came_in) result = recompress(config, batch, kept_in, codecs.compressor);
  if (result.bytes.size() > config.segment_bytes) {
    return refused(KafkaError::record_list_too_large,
                   "The batch is larger than segment.bytes of its topic.");
  }
  const bool packed = came_in != Codec::none || kept_in != Codec::none;
  result.laborious = packed && batch.plain_records().size() >= kLaboriousBytes;
  return result;
}

}  // namespace penstock::kafka
