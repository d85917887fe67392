// Kafka's record batch, version 2: what most frames hold, byte for byte as its producer sent it.
//
// Layout, big-endian (records' integers are zig-zag varints, the least significant seven bits first):
//
//   byte  size  field              meaning
//      0     8  base_offset        of the first record; set at append
//      8     4  batch_length       bytes after this field
//     12     4  leader_epoch       set at append
//     16     1  magic              2
//     17     4  crc                CRC-32C of all bytes from 21, so the fields above change freely
//     21     2  attributes         bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
//     23     4  last_offset_delta  last record's offset - base_offset; compaction leaves it when it drops records
//     27     8  base_timestamp     milliseconds since 1970; what records' timestamp deltas add to
//     35     8  max_timestamp
//     43     8  producer_id        -1: none
//     51     2  producer_epoch
//     53     4  base_sequence
//     57     4  record_count
//     61        records            compressed as one block if the codec says so
//
//   record: length, attributes (one byte), timestamp delta, offset delta, key length (-1: null), key,
//           value length (-1: null), value, header count, and per header: key length, key, value length (-1: null),
//           value
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/compression.h"
#include "index/offset.h"
#include "io/check.h"

namespace penstock {

// Why bytes are not a batch we take. In the order of the checks: the first that fails is the one told.
enum class BatchFault : uint8_t {
  truncated,            // ends before its length field says so
  length,               // the length field cannot be that of a batch
  magic_old,            // a message set of version 0 or 1
  magic_unknown,        // version 3 or later, or rubbish
  base_offset,          // not 0 from a producer; beyond any log otherwise
  too_large,            // over the size limit
  crc,                  // the bytes are not those that were sent
  reserved_attributes,  // an attribute bit without a meaning, or one no producer may set
  codec_unknown,        // compressed in a way nobody has defined
  control,              // a control batch from a producer
  record_count,         // none, fewer than none, or more than the bytes could hold
  last_offset_delta,    // not record_count - 1 from a producer; below it otherwise
  producer,             // producer id, epoch and base sequence do not go together
  log_append_time,      // a producer claims the time of append
  compression,          // the records are not one whole stream of the batch's codec
  decompressed_size,    // they would become more than is allowed: a bomb
  varint,               // an integer in a record is too long or overflows
  record_structure,     // lengths or counts inside the records lie
  offset_delta,         // not 0, 1, 2 ... from a producer; not ascending otherwise
  timestamp,            // a timestamp before 1970 (-1 is "none") or past the end of time
};

const char* name_of(BatchFault fault);

using OptionalBytes = std::optional<std::span<const std::byte>>;  // without a value: null

// One record where it lies in its batch.
struct Record {
  uint32_t offset_delta = 0;
  int64_t timestamp_ms = 0;
  OptionalBytes key;
  OptionalBytes value;
  uint32_t header_count = 0;
  std::span<const std::byte> headers;  // as stored
};

// Walks the records of an uncompressed batch, or of a block that was decompressed. Bytes need not have been checked:
// the walk never leaves them, and ends at the first fault.
class RecordReader {
 public:
  // `records` outlives the reader. Timestamps are `base_timestamp_ms` plus the records' deltas, or all
  // `append_time_ms` if there is one.
  RecordReader(std::span<const std::byte> records, uint32_t record_count, int64_t base_timestamp_ms,
               std::optional<int64_t> append_time_ms = std::nullopt)
      : rest_(records),
        records_left_(record_count),
        base_timestamp_ms_(base_timestamp_ms),
        append_time_ms_(append_time_ms) {}

  // Fills in the next record; or says false: at the end, where every byte has been accounted for, or at a fault.
  bool next(Record& record);

  // The same, easier to write and three times as slow: a record is large to hand over.
  std::optional<Record> next() {
    Record record;
    if (!next(record)) return std::nullopt;
    return record;
  }

  std::optional<BatchFault> fault() const { return fault_; }
  std::span<const std::byte> rest() const { return rest_; }  // the records not walked yet

 private:
  bool fail(BatchFault fault);

  std::span<const std::byte> rest_;
  uint32_t records_left_;
  int64_t base_timestamp_ms_;
  std::optional<int64_t> append_time_ms_;
  std::optional<BatchFault> fault_;
};

class ParsedBatch;

// A view of one batch, known to be well formed as far as its rules asked. The bytes belong to somebody else, outlive
// it and do not change, except through the setters below.
class RecordBatch {
 public:
  static constexpr size_t kHeaderBytes = 61;
  static constexpr size_t kCrcStart = 21;

  struct Rules {
    bool produced = true;  // what a client may send; else also what compaction and the engine write
    uint32_t size_bytes_max = 0x7FFFFFFF;  // of the whole batch
    bool crc = true;                       // false where a frame's checksum has covered the bytes
    bool records = true;                   // walk them, if they are not compressed ...
    Decompressor* decompressor = nullptr;  // ... or if there is one
    size_t decompressed_bytes_max = 0;     // what compressed records may become
  };

  // Looks at the batch `bytes` begin with; others may follow it (size_bytes() tells where). Changes nothing.
  static ParsedBatch parse(std::span<const std::byte> bytes, const Rules& rules);

  std::span<const std::byte> bytes() const { return bytes_; }
  size_t size_bytes() const { return bytes_.size(); }
  std::span<const std::byte> records() const { return bytes_.subspan(kHeaderBytes); }

  Offset base_offset() const;
  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  int32_t leader_epoch() const;
  uint32_t crc() const;
  Codec codec() const;
  bool log_append_time() const;
  bool transactional() const;
  bool control() const;
  bool has_delete_horizon() const;
  uint32_t last_offset_delta() const;
  int64_t base_timestamp_ms() const;
  int64_t producer_id() const;
  bool has_producer() const { return producer_id() >= 0; }
  int16_t producer_epoch() const;
  int32_t base_sequence() const;
  uint32_t record_count() const;

  // The largest timestamp of the records if they were walked, whatever the header says; else the header's.
  int64_t max_timestamp_ms() const { return max_timestamp_ms_; }
  // What consumers and tools will read. Producers may lie: where it differs, set_max_timestamp() before it is stored.
  int64_t header_max_timestamp_ms() const;

  // The rest is known of records that were walked.
  bool walked() const { return walked_; }
  // The smallest timestamp of those that have one; the largest number if none has.
  int64_t min_timestamp_ms() const { return min_timestamp_ms_; }
  bool has_null_key() const { return has_null_key_; }
  // In the decompressor's memory if they were compressed, until it is used again.
  std::span<const std::byte> plain_records() const { return plain_records_; }

  // Of an uncompressed batch, or one that was decompressed and walked (checked).
  RecordReader reader() const;

  // Setters on the bytes of a batch, which begin with its header. The first two leave the CRC true as it is; the
  // others compute it anew.
  static void set_base_offset(std::span<std::byte> batch, Offset base_offset);
  static void set_leader_epoch(std::span<std::byte> batch, int32_t leader_epoch);
  static void set_max_timestamp(std::span<std::byte> batch, int64_t timestamp_ms);
  static void set_log_append_time(std::span<std::byte> batch, int64_t timestamp_ms);
  // The records behind the header were replaced by as many in another codec: sets the length too.
  static void set_codec(std::span<std::byte> batch, Codec codec);

  // What compaction has left in `batch`, whose records were replaced. Last offset and sequence stay.
  struct Contents {
    uint32_t record_count = 0;
    int64_t max_timestamp_ms = -1;
    std::optional<int64_t>
        delete_horizon_ms;  // which the records' timestamp deltas add to from now
  };
  static void set_contents(std::span<std::byte> batch, const Contents& contents);

  // Timestamps of batches that were given a delete horizon add to it.
  std::optional<int64_t> delete_horizon_ms() const {
    if (!has_delete_horizon()) return std::nullopt;
    return base_timestamp_ms();
  }

 private:
  explicit RecordBatch(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::optional<BatchFault> check_header(const Rules& rules) const;
  std::optional<BatchFault> check_produced_header() const;
  std::optional<BatchFault> check_records(const Rules& rules);
  std::optional<BatchFault> unpack(const Rules& rules);
  std::optional<BatchFault> walk(const Rules& rules);
  uint16_t attributes() const;

  std::span<const std::byte> bytes_;
  std::span<const std::byte> plain_records_;
  int64_t max_timestamp_ms_ = -1;
  int64_t min_timestamp_ms_ = INT64_MAX;
  uint32_t walked_count_ = 0;
  bool walked_ = false;
  bool has_null_key_ = false;
};

// A batch, or why there is none.
class ParsedBatch {
 public:
  ParsedBatch(const RecordBatch& batch) : state_(batch) {}  // NOLINT: implicit
  ParsedBatch(BatchFault fault, uint32_t record = 0)        // NOLINT: implicit
      : state_(fault), fault_record_(record) {}

  bool ok() const { return std::holds_alternative<RecordBatch>(state_); }
  BatchFault fault() const {
    check(!ok());
    return *std::get_if<BatchFault>(&state_);
  }
  // Which record is at fault, for a fault of one: how many before it were well formed.
  uint32_t fault_record() const { return fault_record_; }
  const RecordBatch& value() const {
    check(ok());
    return *std::get_if<RecordBatch>(&state_);
  }

 private:
  std::variant<RecordBatch, BatchFault> state_;
  uint32_t fault_record_ = 0;
};

// Appends `record`, as RecordReader found it, so that it has the same time in a batch with another base timestamp.
void append_rebased_record(std::vector<std::byte>& bytes, std::span<const std::byte> record,
                           int64_t timestamp_delta);

// Writes one uncompressed batch: for the engine's own records, tools and tests.
class RecordBatchBuilder {
 public:
  struct Options {
    Offset base_offset;
    int32_t leader_epoch = -1;
    int64_t producer_id = -1;
    int16_t producer_epoch = -1;
    int32_t base_sequence = -1;
    bool transactional = false;
    bool control = false;
  };
  struct Header {
    std::string_view key;
    OptionalBytes value;
  };
  struct NewRecord {
    int64_t timestamp_ms = -1;
    OptionalBytes key;
    OptionalBytes value;
    std::span<const Header> headers;
    std::optional<uint32_t> offset_delta;  // without one, the next; larger leaves a gap
  };

  explicit RecordBatchBuilder(const Options& options);

  // Copies the record. The first one's timestamp becomes the batch's base. Offsets ascend, timestamps are -1 or
  // later, and the batch stays below 2 GiB (checked).
  void add(const NewRecord& record);

  uint32_t record_count() const { return record_count_; }
  size_t size_bytes() const { return bytes_.size(); }  // of the batch so far

  // The batch, at least one record long (checked). The builder is empty afterwards, as it was at first.
  std::vector<std::byte> build();

 private:
  Options options_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> record_;  // the one being written: its length stands in front of it
  uint32_t record_count_ = 0;
  uint32_t next_offset_delta_ = 0;
  int64_t base_timestamp_ms_ = -1;
  int64_t max_timestamp_ms_ = -1;
};

}  // namespace penstock
