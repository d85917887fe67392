// What one reactor's engine can tell of itself: a copy, made on that reactor.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/types.h"
#include "io/figures.h"

namespace penstock {

// Device flushes: of rounds that cover many appends, and of lone durable writes.
struct FlushFigures {
  uint64_t failure_count = 0;
  DurationCounts durations;  // of all, also those that failed
};

struct BlockCacheFigures {
  uint64_t hit_count = 0;
  uint64_t miss_count = 0;
  uint64_t read_ahead_count = 0;
  uint64_t kept_bytes = 0;
};

// Payloads that became part of a log.
struct PlacedFigures {
  uint64_t bytes = 0;
  uint64_t linked_bytes = 0;  // of these, without a copy: their memory became the log's
};

// Reads of partitions that answered records.
struct ReadFigures {
  uint64_t memory_count = 0;  // all of it from the log's end in memory
  uint64_t disk_count = 0;    // some of it from blocks that came from the disk
};

// Compaction in the background.
struct CleanerFigures {
  uint64_t pass_count = 0;    // over one partition, that came to their end
  uint64_t failed_count = 0;  // ... that did not
  uint64_t read_bytes = 0;
  uint64_t written_bytes = 0;
  uint64_t removed_record_count = 0;
  uint64_t replaced_segment_count = 0;
  uint64_t key_bytes = 0;                // memory for keys in the pass under way
  uint64_t refused_partition_count = 0;  // their log holds what cannot be read
};

// What was appended to a partition and acknowledged.
struct AppendFigures {
  uint64_t append_count = 0;
  uint64_t record_count = 0;
  uint64_t bytes = 0;
};

// The partitions of one topic on one reactor, added up.
struct TopicFigures {
  TopicId topic;
  uint32_t partition_count = 0;
  AppendFigures appended;
  uint64_t log_start = 0;
  uint64_t log_end = 0;
  uint64_t high_watermark = 0;
  uint64_t size_bytes = 0;
};

// How far the start is: a partition is opened when it serves, or refuses because it is damaged.
struct RecoveryFigures {
  uint64_t partition_count = 0;
  uint64_t opened_count = 0;
  uint64_t refused_count = 0;
  bool complete = false;
  uint64_t duration_ns = 0;  // once complete
};

struct EngineFigures {
  RecoveryFigures recovery;
  FlushFigures flushes;
  BlockCacheFigures blocks;
  PlacedFigures placed;
  ReadFigures reads;
  CleanerFigures cleaner;
  uint64_t tail_bytes = 0;  // of logs' ends in memory
  uint64_t writes_in_flight_bytes = 0;
  uint64_t open_segment_count = 0;
  uint64_t pool_file_count = 0;  // recycled files that wait for another life
  uint64_t pool_bytes = 0;
  std::vector<TopicFigures> topics;  // by ascending id
};

}  // namespace penstock
