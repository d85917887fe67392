// The records of a reactor's journal, and the state they add up to. The byte-exact page is docs/segment_format.md.
//
// Every record is 128 bytes, so none straddles a 512-byte sector. Little-endian; fields a type does not use are zero.
//
//   byte  size  field
//      0     8  sequence           0, 1, 2 ... within the file
//      8     1  type               JournalRecordType
//      9     1  producer_batches  a producer's record says more in these three; see producer_record.h
//     10     2  producer_epoch    signed
//     12     4  producer_records
//     16    16  topic_id           high half, then low half
//     32     4  partition
//     36     4  leader_epoch
//     40     8  file_number
//     48     8  file_bytes         of a checkpoint: how far recovery searches beyond a stop
//     56     8  position
//     64     8  offset
//     72     8  generation
//     80     8  next_offset
//     88     8  time_ms            signed
//     96     8  written_bytes
//    104     8  durable_sequence   records below it were durable in both copies when this one was written
//    112     8  max_timestamp_ms   signed
//    120     8  checksum           XXH3-64 of bytes 0..119, seeded with the file's seed and the sequence
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/partition_state.h"
#include "engine/producer_state.h"
#include "io/result.h"

namespace penstock {

enum class JournalRecordType : uint8_t {
  segment_added =
      1,  // key, file_number, file_bytes, written_bytes, offset = base offset, generation,
          // time_ms = when it was made
  segment_sealed = 2,   // key, file_number, position = end, next_offset, written_bytes,
                        // max_timestamp_ms
  segment_dropped = 3,  // key, file_number, written_bytes: the file goes to the pool
  cut =
      4,  // key, file_number, position, generation, next_offset, time_ms, max_timestamp_ms: frames
          // from there on are void, and all below are flushed (so it is a checkpoint too)
  checkpoint = 5,         // key, file_number, position, next_offset, time_ms = last append time,
                          // file_bytes, max_timestamp_ms
  epoch = 6,              // key, leader_epoch, offset = start offset
  log_start = 7,          // key, offset
  partition_removed = 8,  // key: all its files go to the pool
  pool_added = 9,         // file_number, file_bytes, written_bytes
  pool_removed = 10,      // file_number
  partition_reset = 11,   // key, offset: as partition_removed, and the log goes on at offset
  partition_expired =
      12,  // key, offset, leader_epoch, time_ms = last append time: all its files go to the pool, and
           // the same log goes on at offset, in that epoch
  producer = 13,           // key, and all other fields: see producer_record.h
  producer_removed = 14,   // key, file_number = producer id: too many others were used since
  producers_expired = 15,  // key, time_ms: those that appended last before it are forgotten
  // A sealed segment with what is left of the sealed ones from offset up to next_offset, whose files go to the pool; in
  // a snapshot there are none. Key, file_number, file_bytes, written_bytes, offset = base offset, generation,
  // position = end, next_offset, time_ms = when the first of them was made, max_timestamp_ms.
  segments_compacted = 16,
  // Key, offset, time_ms: below offset no key has two records; from time_ms on there are tombstones to drop, unless it
  // is INT64_MAX.
  compacted_up_to = 17,
};

struct JournalRecord {
  JournalRecordType type = JournalRecordType::checkpoint;
  PartitionKey key;
  LeaderEpoch leader_epoch;
  uint64_t file_number = 0;
  uint64_t file_bytes = 0;
  uint64_t position = 0;
  Offset offset;
  Generation generation;
  Offset next_offset;
  int64_t time_ms = 0;
  uint64_t written_bytes = 0;
  int64_t max_timestamp_ms = INT64_MIN;
  uint8_t producer_batches = 0;
  int16_t producer_epoch = 0;
  uint32_t producer_records = 0;
};

inline constexpr size_t kJournalRecordBytes = 128;

struct DecodedJournalRecord {
  JournalRecord record;
  uint64_t durable_sequence = 0;
};

void encode_journal_record(const JournalRecord& record, uint64_t sequence,
                           uint64_t durable_sequence, uint64_t seed, std::byte* to);
std::optional<DecodedJournalRecord> decode_journal_record(const std::byte* from, uint64_t sequence,
                                                          uint64_t seed);

// Frames of `segment` from `position` on belong to `generation`. The first one stays, as it is the header block's too.
void cut_generations(SegmentState& segment, uint64_t position, Generation generation);

// Which of `segments` compaction replaces when it makes one of `from` up to `to`: [first, second) of them. `state_of`
// gives the state of one.
template <class Segments, class StateOf>
std::pair<size_t, size_t> compacted_range(const Segments& segments, Offset from, Offset to,
                                          StateOf state_of) {
  size_t first = 0;
  while (first < segments.size() && state_of(segments[first]).base_offset < from) ++first;
  size_t last = first;
  while (last < segments.size()) {
    const SegmentState& segment = state_of(segments[last]);
    if (!segment.sealed || segment.next_offset > to) break;
    ++last;
  }
  return {first, last};
}

// What a journal adds up to.
struct JournalState {
  std::map<PartitionKey, PartitionState> partitions;
  std::map<uint64_t, PoolFile> pool;
  // Of the partitions that have any, as of their last checkpoint or seal: what is flushed, and nothing else. Apart, so
  // that the others pay nothing.
  std::map<PartitionKey, std::map<int64_t, ProducerState>> producers;

  // Error::corrupt if the record does not fit what went before (a journal is outside input).
  Result<void> apply(const JournalRecord& record);

  // The records that make this state from nothing.
  std::vector<JournalRecord> snapshot() const;

 private:
  Result<void> apply_producers(const JournalRecord& record);
};

}  // namespace penstock
