#include "engine/record_batch.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <limits>

#include "engine/checksum.h"

namespace penstock {
namespace {

static_assert(std::endian::native == std::endian::little);

// Where the fields stand; the table is in the header.
constexpr size_t kBaseOffsetAt = 0;
constexpr size_t kBatchLengthAt = 8;
constexpr size_t kLeaderEpochAt = 12;
constexpr size_t kMagicAt = 16;
constexpr size_t kCrcAt = 17;
constexpr size_t kAttributesAt = 21;
constexpr size_t kLastOffsetDeltaAt = 23;
constexpr size_t kBaseTimestampAt = 27;
constexpr size_t kMaxTimestampAt = 35;
constexpr size_t kProducerIdAt = 43;
constexpr size_t kProducerEpochAt = 51;
constexpr size_t kBaseSequenceAt = 53;
constexpr size_t kRecordCountAt = 57;
static_assert(kAttributesAt == RecordBatch::kCrcStart);
static_assert(kRecordCountAt + 4 == RecordBatch::kHeaderBytes);

constexpr size_t kLengthEnd = kBatchLengthAt + 4;  // what the length field does not count
constexpr int32_t kMessageBytesMin = 14;           // the shortest message of version 0
constexpr size_t kRecordBytesMin = 7;              // a null key, a null value, no headers
constexpr size_t kHeaderPartBytesMin = 2;          // of one header of a record

constexpr int8_t kMagic = 2;
constexpr uint16_t kCodecMask = 0x07;
constexpr uint16_t kLogAppendTimeBit = 0x08;
constexpr uint16_t kTransactionalBit = 0x10;
constexpr uint16_t kControlBit = 0x20;
constexpr uint16_t kDeleteHorizonBit = 0x40;
constexpr uint16_t kReservedBits = 0xFF80;

constexpr int64_t kNoTimestamp = -1;
constexpr size_t kInt32Max = 0x7FFFFFFF;  // lengths and counts are signed

uint16_t swapped(uint16_t value) { return __builtin_bswap16(value); }
uint32_t swapped(uint32_t value) { return __builtin_bswap32(value); }
uint64_t swapped(uint64_t value) { return __builtin_bswap64(value); }

template <std::integral T>
T load(std::span<const std::byte> bytes, size_t at) {
  std::make_unsigned_t<T> value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  if constexpr (sizeof(T) > 1) value = swapped(value);
  return static_cast<T>(value);
}

template <std::integral T>
void store(std::span<std::byte> bytes, size_t at, T field) {
  auto value = static_cast<std::make_unsigned_t<T>>(field);
  if constexpr (sizeof(T) > 1) value = swapped(value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void store_crc(std::span<std::byte> batch) {
  store(batch, kCrcAt, crc32c(batch.subspan(RecordBatch::kCrcStart)));
}

// Takes integers and byte strings off the front of a record. After a fault every take gives zeros and empty strings,
// so a caller may look once, at its end. Two pointers, and a short way for integers of one byte and of two: walking the
// records is the dearest part of taking a batch of small ones.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool failed() const { return failed_; }
  BatchFault fault() const { return fault_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  std::span<const std::byte> rest() const { return {at_, left()}; }

  int32_t varint() { return static_cast<int32_t>(zigzag<uint32_t>()); }
  int64_t varlong() { return static_cast<int64_t>(zigzag<uint64_t>()); }

  std::span<const std::byte> take(size_t length_bytes) {
    if (length_bytes > left()) [[unlikely]] {
      fail(BatchFault::record_structure);
      return {};
    }
    const std::span<const std::byte> taken(at_, length_bytes);
    at_ += length_bytes;
    return taken;
  }

  // A length and that many bytes; -1 is null.
  OptionalBytes nullable() {
    const int32_t length = varint();
    if (length >= 0) return take(static_cast<size_t>(length));
    if (length < -1) fail(BatchFault::record_structure);
    return std::nullopt;
  }

  void fail(BatchFault fault) {
    if (!failed_) fault_ = fault;
    failed_ = true;
    at_ = end_;
  }

 private:
  unsigned byte_at(size_t index) const { return static_cast<uint8_t>(at_[index]); }

  template <std::unsigned_integral T>
  T zigzag() {
    T raw = 0;
    if (at_ != end_ && byte_at(0) < 0x80) [[likely]] {
      raw = byte_at(0);
      at_ += 1;
    } else if (left() >= 2 && byte_at(1) < 0x80) [[likely]] {
      raw = static_cast<T>((byte_at(0) & 0x7F) | byte_at(1) << 7);
      at_ += 2;
    } else {
      raw = long_varint<T>();
    }
    return static_cast<T>((raw >> 1) ^ (T{0} - (raw & 1)));
  }

  template <std::unsigned_integral T>
  T long_varint() {
    constexpr unsigned kBits = std::numeric_limits<T>::digits;
    T value = 0;
    for (unsigned shift = 0; shift < kBits; shift += 7) {
      if (at_ == end_) {
        fail(BatchFault::record_structure);
        return 0;
      }
      const auto byte = static_cast<uint8_t>(*at_++);
      const T part = byte & 0x7F;
      if (shift + 7 > kBits && (part >> (kBits - shift)) != 0) break;
      value |= part << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail(BatchFault::varint);
    return 0;
  }

  const std::byte* at_;
  const std::byte* end_;
  BatchFault fault_{};
  bool failed_ = false;
};

// Walks past the headers of a record, which are the rest of it.
void skip_headers(Cursor& cursor, int32_t header_count) {
  const size_t possible = cursor.left() / kHeaderPartBytesMin;
  if (header_count < 0 || static_cast<size_t>(header_count) > possible) {
    cursor.fail(BatchFault::record_structure);
    return;
  }
  for (int32_t header = 0; header < header_count && !cursor.failed(); ++header) {
    const int32_t key_length = cursor.varint();
    if (key_length < 0) cursor.fail(BatchFault::record_structure);
    if (!cursor.failed()) cursor.take(static_cast<size_t>(key_length));
    cursor.nullable();
  }
  if (cursor.left() != 0) cursor.fail(BatchFault::record_structure);
}

// Whether `base + delta` is a timestamp or the lack of one; if so, `sum` is it.
bool timestamp_sum(int64_t base, int64_t delta, int64_t& sum) {
  return !__builtin_add_overflow(base, delta, &sum) && sum >= kNoTimestamp;
}

}  // namespace

bool RecordReader::fail(BatchFault fault) {
  fault_ = fault;
  return false;
}

bool RecordReader::next(Record& record) {
  if (fault_) return false;
  if (records_left_ == 0) {
    if (!rest_.empty()) fault_ = BatchFault::record_structure;
    return false;
  }
  --records_left_;

  Cursor outer(rest_);
  const int32_t length = outer.varint();
  if (length < 0) outer.fail(BatchFault::record_structure);
  if (outer.failed()) return fail(outer.fault());
  Cursor inner(outer.take(static_cast<size_t>(length)));
  if (outer.failed()) return fail(outer.fault());
  rest_ = outer.rest();

  inner.take(1);  // attributes: none is defined, and Kafka does not look either
  const int64_t timestamp_delta = inner.varlong();
  const int32_t offset_delta = inner.varint();
  record.key = inner.nullable();
  record.value = inner.nullable();
  const int32_t header_count = inner.varint();
  record.headers = inner.rest();
  skip_headers(inner, header_count);
  if (inner.failed()) return fail(inner.fault());
  if (offset_delta < 0) return fail(BatchFault::offset_delta);
  if (append_time_ms_) {
    record.timestamp_ms = *append_time_ms_;
  } else if (!timestamp_sum(base_timestamp_ms_, timestamp_delta, record.timestamp_ms)) {
    return fail(BatchFault::timestamp);
  }
  record.offset_delta = static_cast<uint32_t>(offset_delta);
  record.header_count = static_cast<uint32_t>(header_count);
  return true;
}

ParsedBatch RecordBatch::parse(std::span<const std::byte> bytes, const Rules& rules) {
  // The magic stands at the same byte in every version, and an old message set may be shorter than our header.
  if (bytes.size() <= kMagicAt) return BatchFault::truncated;
  const int32_t length = load<int32_t>(bytes, kBatchLengthAt);
  if (length < kMessageBytesMin) return BatchFault::length;
  if (static_cast<size_t>(length) > bytes.size() - kLengthEnd) return BatchFault::truncated;
  const int8_t magic = load<int8_t>(bytes, kMagicAt);
  if (magic == 0 || magic == 1) return BatchFault::magic_old;
  if (magic != kMagic) return BatchFault::magic_unknown;
  const size_t size = kLengthEnd + static_cast<size_t>(length);
  if (size < kHeaderBytes) return BatchFault::length;

  RecordBatch batch(bytes.first(size));
  if (const auto fault = batch.check_header(rules)) return *fault;
  if (const auto fault = batch.check_records(rules)) return {*fault, batch.walked_count_};
  return batch;
}

std::optional<BatchFault> RecordBatch::check_header(const Rules& rules) const {
  const int64_t base_offset = load<int64_t>(bytes_, kBaseOffsetAt);
  const int32_t delta = load<int32_t>(bytes_, kLastOffsetDeltaAt);
  const int32_t count = load<int32_t>(bytes_, kRecordCountAt);
  if (base_offset < 0 || (rules.produced && base_offset != 0)) return BatchFault::base_offset;
  if (bytes_.size() > rules.size_bytes_max) return BatchFault::too_large;
  if (rules.crc && crc() != crc32c(bytes_.subspan(kCrcStart))) return BatchFault::crc;
  if ((attributes() & kReservedBits) != 0) return BatchFault::reserved_attributes;
  if ((attributes() & kCodecMask) > static_cast<uint16_t>(Codec::zstd)) {
    return BatchFault::codec_unknown;
  }
  if (count < 0 || delta < 0)
    return count < 0 ? BatchFault::record_count : BatchFault::last_offset_delta;
  if (static_cast<int64_t>(delta) < static_cast<int64_t>(count) - 1) {
    return BatchFault::last_offset_delta;
  }
  if (base_offset > std::numeric_limits<int64_t>::max() - delta) return BatchFault::base_offset;
  if (codec() == Codec::none && static_cast<size_t>(count) > records().size() / kRecordBytesMin) {
    return BatchFault::record_count;
  }
  if (rules.produced) return check_produced_header();
  return std::nullopt;
}

std::optional<BatchFault> RecordBatch::check_produced_header() const {
  if (has_delete_horizon()) return BatchFault::reserved_attributes;
  if (control()) return BatchFault::control;
  if (record_count() == 0) return BatchFault::record_count;
  if (last_offset_delta() != record_count() - 1) return BatchFault::last_offset_delta;
  if (has_producer() && (producer_epoch() < 0 || base_sequence() < 0)) return BatchFault::producer;
  if (transactional() && !has_producer()) return BatchFault::producer;
  if (log_append_time()) return BatchFault::log_append_time;
  return std::nullopt;
}

std::optional<BatchFault> RecordBatch::check_records(const Rules& rules) {
  max_timestamp_ms_ = header_max_timestamp_ms();
  if (base_timestamp_ms() < kNoTimestamp) return BatchFault::timestamp;
  if (!rules.records || (codec() != Codec::none && rules.decompressor == nullptr)) {
    if (max_timestamp_ms_ < kNoTimestamp) return BatchFault::timestamp;
    return std::nullopt;
  }
  if (const auto fault = unpack(rules)) return fault;
  return walk(rules);
}

std::optional<BatchFault> RecordBatch::unpack(const Rules& rules) {
  plain_records_ = records();
  if (codec() == Codec::none) return std::nullopt;
  const Result<std::span<const std::byte>> plain =
      rules.decompressor->decompress(codec(), records(), rules.decompressed_bytes_max);
  if (!plain.ok()) {
    return plain.error() == Error::too_large ? BatchFault::decompressed_size
                                             : BatchFault::compression;
  }
  plain_records_ = plain.value();
  if (record_count() > plain_records_.size() / kRecordBytesMin) return BatchFault::record_count;
  return std::nullopt;
}

std::optional<BatchFault> RecordBatch::walk(const Rules& rules) {
  walked_ = true;
  int64_t max_timestamp_ms = std::numeric_limits<int64_t>::min();
  uint32_t next_delta = 0;
  RecordReader walk = reader();
  Record record;
  while (walk.next(record)) {
    const bool in_place = rules.produced ? record.offset_delta == next_delta
                                         : record.offset_delta >= next_delta &&
                                               record.offset_delta <= last_offset_delta();
    if (!in_place) return BatchFault::offset_delta;
    next_delta = record.offset_delta + 1;
    max_timestamp_ms = std::max(max_timestamp_ms, record.timestamp_ms);
    if (record.timestamp_ms != kNoTimestamp) {
      min_timestamp_ms_ = std::min(min_timestamp_ms_, record.timestamp_ms);
    }
    has_null_key_ |= !record.key.has_value();
    ++walked_count_;
  }
  if (walk.fault()) return walk.fault();
  // Compaction may leave no record, and the header's time with it.
  if (record_count() > 0) max_timestamp_ms_ = max_timestamp_ms;
  if (max_timestamp_ms_ < kNoTimestamp) return BatchFault::timestamp;
  return std::nullopt;
}

uint16_t RecordBatch::attributes() const { return load<uint16_t>(bytes_, kAttributesAt); }
Offset RecordBatch::base_offset() const { return {load<uint64_t>(bytes_, kBaseOffsetAt)}; }
int32_t RecordBatch::leader_epoch() const { return load<int32_t>(bytes_, kLeaderEpochAt); }
uint32_t RecordBatch::crc() const { return load<uint32_t>(bytes_, kCrcAt); }
Codec RecordBatch::codec() const { return static_cast<Codec>(attributes() & kCodecMask); }
bool RecordBatch::log_append_time() const { return (attributes() & kLogAppendTimeBit) != 0; }
bool RecordBatch::transactional() const { return (attributes() & kTransactionalBit) != 0; }
bool RecordBatch::control() const { return (attributes() & kControlBit) != 0; }
bool RecordBatch::has_delete_horizon() const { return (attributes() & kDeleteHorizonBit) != 0; }
uint32_t RecordBatch::last_offset_delta() const {
  return load<uint32_t>(bytes_, kLastOffsetDeltaAt);
}
int64_t RecordBatch::base_timestamp_ms() const { return load<int64_t>(bytes_, kBaseTimestampAt); }
int64_t RecordBatch::header_max_timestamp_ms() const {
  return load<int64_t>(bytes_, kMaxTimestampAt);
}
int64_t RecordBatch::producer_id() const { return load<int64_t>(bytes_, kProducerIdAt); }
int16_t RecordBatch::producer_epoch() const { return load<int16_t>(bytes_, kProducerEpochAt); }
int32_t RecordBatch::base_sequence() const { return load<int32_t>(bytes_, kBaseSequenceAt); }
uint32_t RecordBatch::record_count() const { return load<uint32_t>(bytes_, kRecordCountAt); }

RecordReader RecordBatch::reader() const {
  check(codec() == Codec::none || walked_);
  std::optional<int64_t> append_time_ms;
  if (log_append_time()) append_time_ms = header_max_timestamp_ms();
  return RecordReader(walked_ ? plain_records_ : records(), record_count(), base_timestamp_ms(),
                      append_time_ms);
}

void RecordBatch::set_base_offset(std::span<std::byte> batch, Offset base_offset) {
  check(batch.size() >= kHeaderBytes);
  store(batch, kBaseOffsetAt, base_offset.value);
}

void RecordBatch::set_leader_epoch(std::span<std::byte> batch, int32_t leader_epoch) {
  check(batch.size() >= kHeaderBytes);
  store(batch, kLeaderEpochAt, leader_epoch);
}

void RecordBatch::set_max_timestamp(std::span<std::byte> batch, int64_t timestamp_ms) {
  check(batch.size() >= kHeaderBytes);
  store(batch, kMaxTimestampAt, timestamp_ms);
  store_crc(batch);
}

void RecordBatch::set_log_append_time(std::span<std::byte> batch, int64_t timestamp_ms) {
  check(batch.size() >= kHeaderBytes);
  const auto attributes = load<uint16_t>(batch, kAttributesAt);
  store(batch, kAttributesAt, static_cast<uint16_t>(attributes | kLogAppendTimeBit));
  set_max_timestamp(batch, timestamp_ms);
}

void RecordBatch::set_codec(std::span<std::byte> batch, Codec codec) {
  check(batch.size() >= kHeaderBytes && batch.size() <= kInt32Max);
  store(batch, kBatchLengthAt, static_cast<uint32_t>(batch.size() - kLengthEnd));
  const auto attributes = load<uint16_t>(batch, kAttributesAt);
  store(batch, kAttributesAt,
        static_cast<uint16_t>((attributes & ~kCodecMask) | static_cast<uint16_t>(codec)));
  store_crc(batch);
}

void RecordBatch::set_contents(std::span<std::byte> batch, const Contents& contents) {
  check(batch.size() >= kHeaderBytes && batch.size() <= kInt32Max);
  store(batch, kBatchLengthAt, static_cast<uint32_t>(batch.size() - kLengthEnd));
  store(batch, kRecordCountAt, contents.record_count);
  auto attributes = load<uint16_t>(batch, kAttributesAt);
  if (contents.delete_horizon_ms) {
    attributes |= kDeleteHorizonBit;
    store(batch, kBaseTimestampAt, *contents.delete_horizon_ms);
  }
  store(batch, kAttributesAt, attributes);
  set_max_timestamp(batch, contents.max_timestamp_ms);
}

namespace {

void append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

void append_varint(std::vector<std::byte>& bytes, int64_t value) {
  auto left = (static_cast<uint64_t>(value) << 1) ^ (value < 0 ? ~uint64_t{0} : 0);
  for (; left >= 0x80; left >>= 7) bytes.push_back(static_cast<std::byte>(left | 0x80));
  bytes.push_back(static_cast<std::byte>(left));
}

void append_nullable(std::vector<std::byte>& bytes, const OptionalBytes& part) {
  append_varint(bytes, part ? static_cast<int64_t>(part->size()) : -1);
  if (part) append(bytes, *part);
}

// The bytes of a varint at the beginning of `bytes`, which is one whole.
size_t varint_bytes(std::span<const std::byte> bytes) {
  size_t count = 1;
  while ((static_cast<uint8_t>(bytes[count - 1]) & 0x80) != 0) ++count;
  return count;
}

}  // namespace

void append_rebased_record(std::vector<std::byte>& bytes, std::span<const std::byte> record,
                           int64_t timestamp_delta) {
  record = record.subspan(varint_bytes(record));  // its length
  const std::byte attributes = record[0];
  record = record.subspan(1);
  const std::span<const std::byte> tail = record.subspan(varint_bytes(record));
  const size_t at = bytes.size();
  append_varint(bytes, timestamp_delta);
  const size_t delta_bytes = bytes.size() - at;
  bytes.resize(at);
  append_varint(bytes, static_cast<int64_t>(1 + delta_bytes + tail.size()));
  bytes.push_back(attributes);
  append_varint(bytes, timestamp_delta);
  append(bytes, tail);
}

RecordBatchBuilder::RecordBatchBuilder(const Options& options)
    : options_(options), bytes_(RecordBatch::kHeaderBytes) {}

void RecordBatchBuilder::add(const NewRecord& record) {
  const uint32_t offset_delta = record.offset_delta.value_or(next_offset_delta_);
  check(offset_delta >= next_offset_delta_);
  check(offset_delta < kInt32Max);
  check(record.timestamp_ms >= kNoTimestamp);
  if (record_count_ == 0) base_timestamp_ms_ = record.timestamp_ms;
  max_timestamp_ms_ = std::max(max_timestamp_ms_, record.timestamp_ms);
  ++record_count_;
  next_offset_delta_ = offset_delta + 1;

  record_.assign(1, std::byte{0});  // attributes
  const auto delta_bits =
      static_cast<uint64_t>(record.timestamp_ms) - static_cast<uint64_t>(base_timestamp_ms_);
  append_varint(record_, static_cast<int64_t>(delta_bits));
  append_varint(record_, offset_delta);
  append_nullable(record_, record.key);
  append_nullable(record_, record.value);
  append_varint(record_, static_cast<int64_t>(record.headers.size()));
  for (const Header& header : record.headers) {
    append_nullable(record_, std::as_bytes(std::span(header.key.data(), header.key.size())));
    append_nullable(record_, header.value);
  }
  append_varint(bytes_, static_cast<int64_t>(record_.size()));
  append(bytes_, record_);
  check(bytes_.size() <= kInt32Max);
}

std::vector<std::byte> RecordBatchBuilder::build() {
  check(record_count_ > 0);
  const std::span<std::byte> batch(bytes_);
  uint16_t attributes = 0;
  if (options_.transactional) attributes |= kTransactionalBit;
  if (options_.control) attributes |= kControlBit;
  store(batch, kBaseOffsetAt, options_.base_offset.value);
  store(batch, kBatchLengthAt, static_cast<uint32_t>(batch.size() - kLengthEnd));
  store(batch, kLeaderEpochAt, options_.leader_epoch);
  store(batch, kMagicAt, kMagic);
  store(batch, kAttributesAt, attributes);
  store(batch, kLastOffsetDeltaAt, next_offset_delta_ - 1);
  store(batch, kBaseTimestampAt, base_timestamp_ms_);
  store(batch, kMaxTimestampAt, max_timestamp_ms_);
  store(batch, kProducerIdAt, options_.producer_id);
  store(batch, kProducerEpochAt, options_.producer_epoch);
  store(batch, kBaseSequenceAt, options_.base_sequence);
  store(batch, kRecordCountAt, record_count_);
  store_crc(batch);

  std::vector<std::byte> built = std::move(bytes_);
  *this = RecordBatchBuilder(options_);
  return built;
}

const char* name_of(BatchFault fault) {
  switch (fault) {
    case BatchFault::truncated: return "truncated";
    case BatchFault::length: return "length";
    case BatchFault::magic_old: return "magic_old";
    case BatchFault::magic_unknown: return "magic_unknown";
    case BatchFault::base_offset: return "base_offset";
    case BatchFault::too_large: return "too_large";
    case BatchFault::crc: return "crc";
    case BatchFault::reserved_attributes: return "reserved_attributes";
    case BatchFault::codec_unknown: return "codec_unknown";
    case BatchFault::control: return "control";
    case BatchFault::record_count: return "record_count";
    case BatchFault::last_offset_delta: return "last_offset_delta";
    case BatchFault::producer: return "producer";
    case BatchFault::log_append_time: return "log_append_time";
    case BatchFault::compression: return "compression";
    case BatchFault::decompressed_size: return "decompressed_size";
    case BatchFault::varint: return "varint";
    case BatchFault::record_structure: return "record_structure";
    case BatchFault::offset_delta: return "offset_delta";
    case BatchFault::timestamp: return "timestamp";
  }
  return "unknown";
}

}  // namespace penstock
