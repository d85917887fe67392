// What an EngineRun holds: an incarnation's engines, and the topics its clients play with. For its own sources.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/record_batch.h"
#include "tests/sim/engine_harness.h"
#include "tests/sim/engine_life.h"

namespace penstock::sim {

inline uint64_t hash_of_batch(std::span<const std::byte> batch) {
  return hash_of(batch.subspan(RecordBatch::kCrcStart));
}

// One incarnation's engines. A crash abandons them.
struct EngineRun::Life : EngineLife {
  // Its coroutines still refer to it, and no reactor owns it any more.
  static void abandon(std::unique_ptr<Life> life) { (void)life.release(); }
};

struct EngineRun::PlayedPartition {
  PartitionKey key;
  PartitionOracle oracle;
  int32_t epoch = 0;
  uint64_t lost_lives = 0;  // in a row
};

struct EngineRun::PlayedTopic {
  enum class State : uint8_t { creating, there, deleting, gone };
  TopicSpec spec;
  std::optional<TopicConfig::Entries> altering;  // a change is under way: to these
  TopicId id;
  State state = State::creating;
  Durability durability = Durability::flushed;
  bool replica = false;
  std::vector<std::unique_ptr<PlayedPartition>> partitions;
};

}  // namespace penstock::sim
