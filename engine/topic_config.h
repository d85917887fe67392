// What may be configured of a topic: one table of names, ranges and texts, and the values a partition works with.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "engine/types.h"
#include "io/result.h"

namespace penstock {

// A batch lies in one buffer when it is read, with room for its frame and unaligned ends.
inline constexpr uint32_t kMaxMessageBytesLimit = (4 << 20) - (16 << 10);

// compression.type: what record batches are kept as.
enum class CompressionType : uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

// What a partition needs of its topic's configuration. Names and ranges are Kafka's. As made it keeps everything for
// ever and takes every timestamp, so that no record can be lost to a configuration that nobody has given yet.
struct TopicConfig {
  using Entries = std::map<std::string, std::string>;

  Durability durability = Durability::flushed;  // penstock.durability
  bool check_compressed = true;                 // penstock.check.compressed: look inside on arrival
  uint32_t max_message_bytes = 1048588;         // max.message.bytes: of one record batch
  uint64_t segment_bytes = uint64_t{1} << 30;   // segment.bytes: upper bound
  int64_t segment_ms = INT64_MAX;               // segment.ms: upper bound of what one file spans
  int64_t segment_jitter_ms = 0;                // segment.jitter.ms
  int64_t retention_ms = -1;                    // retention.ms; -1: no limit
  int64_t retention_bytes = -1;                 // retention.bytes: of one partition; -1: no limit

  bool delete_policy = true;                  // cleanup.policy: retention drops records
  bool compact_policy = false;                // cleanup.policy: the last record per key is kept
  double min_cleanable_dirty_ratio = 0.5;     // min.cleanable.dirty.ratio
  int64_t min_compaction_lag_ms = 0;          // min.compaction.lag.ms
  int64_t max_compaction_lag_ms = INT64_MAX;  // max.compaction.lag.ms
  int64_t delete_retention_ms = 86'400'000;   // delete.retention.ms: of tombstones

  CompressionType compression = CompressionType::producer;  // compression.type
  int32_t gzip_level = -1;                                  // compression.gzip.level
  int32_t lz4_level = 9;                                    // compression.lz4.level
  int32_t zstd_level = 3;                                   // compression.zstd.level

  bool log_append_time = false;                 // message.timestamp.type
  int64_t timestamp_before_ms_max = INT64_MAX;  // message.timestamp.before.max.ms
  int64_t timestamp_after_ms_max = INT64_MAX;   // message.timestamp.after.max.ms

  // Accepted, kept and shown. The log has its own index, recycled files and durability, and there is one node.
  int64_t file_delete_delay_ms = 60'000;     // file.delete.delay.ms
  int32_t index_interval_bytes = 4096;       // index.interval.bytes
  int32_t segment_index_bytes = 10'485'760;  // segment.index.bytes
  bool preallocate = false;                  // preallocate
  int64_t flush_messages = INT64_MAX;        // flush.messages
  int64_t flush_ms = INT64_MAX;              // flush.ms
  int32_t min_insync_replicas = 1;           // min.insync.replicas
  bool unclean_leader_election = false;      // unclean.leader.election.enable
  std::string leader_throttled_replicas;     // leader.replication.throttled.replicas
  std::string follower_throttled_replicas;   // follower.replication.throttled.replicas
  bool remote_storage = false;               // remote.storage.enable
  int64_t local_retention_ms = -2;           // local.retention.ms
  int64_t local_retention_bytes = -2;        // local.retention.bytes

  // What Kafka has where nobody says anything: it keeps records for a week.
  static TopicConfig kafka_defaults();

  // From a topic's entries, over the node's `defaults`. Error::invalid_argument: an unknown name, or a value out of
  // range; `what` says which.
  static Result<TopicConfig> parse(const Entries& entries, std::string& what,
                                   const TopicConfig& defaults);
  static Result<TopicConfig> parse(const Entries& entries, std::string& what) {
    return parse(entries, what, TopicConfig());
  }
  // The same where the entries have the names of a node's defaults.
  static Result<TopicConfig> parse_of_node(const Entries& entries, std::string& what,
                                           const TopicConfig& defaults);
};

// Kafka's numbers for them.
enum class ConfigType : int8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int64 = 5,
  real = 6,
  list = 7,
};

// One thing that may be configured. Everything that is said about it anywhere comes from here.
struct TopicConfigEntry {
  std::string_view name;
  std::string_view node_name;  // Kafka's name for the node's default; empty: it has none
  ConfigType type;
  std::string_view default_text;
  std::string_view values;  // what it takes, for people
  std::string_view doc;
  bool (*set)(TopicConfig& config, std::string_view text);  // false: not a value of it
  std::string (*get)(const TopicConfig& config);
};

// All of them, by ascending name.
std::span<const TopicConfigEntry> topic_config_table();
// Null if there is none.
const TopicConfigEntry* find_topic_config(std::string_view name);
const TopicConfigEntry* find_topic_config_of_node(std::string_view node_name);

// A number within a range, blanks around it aside; nothing: it is none.
bool parse_config_number(std::string_view text, int64_t low, int64_t high, int64_t& value);

}  // namespace penstock
