// The small identities of the engine.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "index/offset.h"

namespace penstock {

// A topic's identity for life: a new topic of an old name has another one. Kafka's topic id (a UUID) on the wire.
struct TopicId {
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const TopicId&, const TopicId&) = default;
};

// One partition of one topic.
struct PartitionKey {
  TopicId topic;
  uint32_t partition = 0;
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

struct PartitionKeyHash {
  size_t operator()(const PartitionKey& key) const {
    return key.topic.low * 0x9E3779B97F4A7C15ull ^ key.topic.high ^
           (uint64_t{key.partition} * 0xD1B54A32D192ED03ull);
  }
};

// The term of the leader that appended a frame. -1 is "unknown" on Kafka's wire and never stored.
struct LeaderEpoch {
  int32_t value = 0;
  friend auto operator<=>(LeaderEpoch, LeaderEpoch) = default;
};

// A random number that says which life of a segment's bytes a frame belongs to; never reused.
struct Generation {
  uint64_t value = 0;
  friend auto operator<=>(Generation, Generation) = default;
};

// What must have happened to a record before it is acknowledged and visible.
enum class Durability : uint8_t {
  flushed,   // on stable storage: survives power loss
  written,   // with the device: survives kill -9; a flush follows within an interval
  buffered,  // in memory; written and flushed soon after
};

// "0123456789abcdef-0123456789abcdef/3", for messages to people.
std::string to_string(const PartitionKey& key);
std::string to_string(const TopicId& id);

}  // namespace penstock
