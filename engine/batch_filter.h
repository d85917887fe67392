// What compaction leaves of one record batch.
//
// A record stays if no later record of the mapped stretch has its key. A tombstone (a record without a value) stays
// until its batch's delete horizon, which the first compaction that meets it sets. The log's last record stays whatever
// it is: whoever reads up to the log's end gets there by it. Offsets, sequences and the other records' bytes stay as
// they are; so does a batch's last offset, also where its last record goes.
// Compressed records are unpacked within a budget, and packed again with their codec where some of them go.
// Keeps its memory from batch to batch. Belongs to one compaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/compression.h"
#include "engine/key_map.h"
#include "engine/record_batch.h"

namespace penstock {

class BatchFilter {
 public:
  struct Rules {
    Offset mapped_end;  // `keys` knows the records below it, from where the log was clean on
    int64_t now_ms = 0;
    int64_t delete_retention_ms = 0;
    Offset log_end;  // of what readers see
  };
  enum class Verdict : uint8_t { same, changed, empty };
  struct Filtered {
    Verdict verdict = Verdict::same;
    std::span<const std::byte> batch;  // the one given, or the filter's until the next call
    RecordBatch::Contents contents;
    int64_t tombstones_due_ms = INT64_MAX;  // the horizon, if a tombstone waits for nothing else
  };

  explicit BatchFilter(KeyMap& keys) : keys_(keys) {}  // which outlives it
  BatchFilter(const BatchFilter&) = delete;

  // First, the keys of the records from `from` on. Answers the offset of the first record the
  // map had no room for, or the one after the batch. Error::corrupt: the records make no sense; too_large: they are too
  // many when decompressed; busy: no memory.
  Result<Offset> map(const RecordBatch& batch, Offset from);

  // Then what is left of each batch.
  void set_rules(const Rules& rules) { rules_ = rules; }

  // What is left may take, beside what is removed:
  enum class Room : uint8_t {
    plenty,  // more than it did: a horizon may make records longer, and their codec may have been used harder before
    little,  // no horizon is given
    least,   // ... and compressed records are packed as small as can be in reasonable time
  };
  // `empty`: the batch has no record left, and none is given. Errors as above.
  Result<Filtered> filter(const RecordBatch& batch, Room room);

  uint64_t mapped_records() const { return mapped_records_; }
  // Of records that were walked or packed since the last call: it measures the work, where bytes of the log do not.
  uint64_t take_worked_bytes() { return std::exchange(worked_bytes_, 0); }

 private:
  struct Kept {
    RecordBatch::Contents contents;
    bool tombstones = false;  // but for one that is the log's last record
  };
  Result<Kept> keep(const RecordBatch& batch, std::span<const std::byte> records,
                    std::optional<int64_t> new_horizon_ms);
  bool is_last(const RecordBatch& batch, const Record& record) const;
  bool stays(const RecordBatch& batch, const Record& record) const;
  Result<std::span<const std::byte>> records_of(const RecordBatch& batch);
  Result<void> make(const RecordBatch& batch, const RecordBatch::Contents& contents, Room room);

  KeyMap& keys_;
  Rules rules_;
  Decompressor decompressor_;
  Compressor compressor_;
  std::vector<std::byte> kept_;   // records, as they lie in a batch
  std::vector<std::byte> batch_;  // the answer
  uint64_t mapped_records_ = 0;
  uint64_t worked_bytes_ = 0;
};

}  // namespace penstock
