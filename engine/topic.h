// Topics as the catalog knows them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/types.h"
#include "io/result.h"

namespace penstock {

// A batch lies in one buffer when it is read, with room for its frame and unaligned ends.
inline constexpr uint32_t kMaxMessageBytesLimit = (4 << 20) - (16 << 10);

// What a partition needs of its topic's configuration. Names and ranges are Kafka's. As made it keeps everything for
// ever, so that no record can be lost to a configuration that nobody has given yet.
struct TopicConfig {
  Durability durability = Durability::flushed;  // penstock.durability
  uint32_t max_message_bytes = 1048588;         // max.message.bytes: of one record batch
  uint64_t segment_bytes = uint64_t{1} << 30;   // segment.bytes: upper bound
  bool log_append_time = false;                 // message.timestamp.type
  int64_t retention_ms = -1;                    // retention.ms; -1: no limit
  int64_t retention_bytes = -1;                 // retention.bytes: of one partition; -1: no limit
  int64_t segment_ms = INT64_MAX;               // segment.ms: upper bound of what one file spans

  // From a topic's entries, over the node's `defaults`. Error::invalid_argument: an unknown name, or a value out of
  // range; `what` says which.
  static Result<TopicConfig> parse(const std::map<std::string, std::string>& entries,
                                   std::string& what, const TopicConfig& defaults);
  static Result<TopicConfig> parse(const std::map<std::string, std::string>& entries,
                                   std::string& what) {
    return parse(entries, what, TopicConfig());
  }
};

struct Topic {
  TopicId id;
  std::string name;
  uint32_t partition_count = 0;
  std::map<std::string, std::string> config_entries;  // as set; everything else has its default
  TopicConfig config;                                 // parsed from them
};

// Which reactor a partition lives on: the same after every start with as many reactors.
inline uint32_t reactor_of(const PartitionKey& key, uint32_t reactor_count) {
  return static_cast<uint32_t>((key.topic.low + key.partition) % reactor_count);
}

// The catalog at one moment: never changes, shared by all reactors.
class CatalogSnapshot {
 public:
  using TopicPointer = std::shared_ptr<const Topic>;

  const Topic* find(std::string_view name) const;
  const Topic* find(const TopicId& id) const;
  const std::map<std::string, TopicPointer, std::less<>>& topics() const { return by_name_; }

  void put(TopicPointer topic);    // while it is being made
  void remove(const TopicId& id);  // while it is being made

 private:
  std::map<std::string, TopicPointer, std::less<>> by_name_;
  std::map<TopicId, TopicPointer> by_id_;
};

// A topic's name as Kafka has it: 1 to 249 of [a-zA-Z0-9._-], and neither "." nor "..".
bool is_valid_topic_name(std::string_view name);

}  // namespace penstock
