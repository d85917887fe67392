// Appends records to a partition of `__consumer_offsets`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace penstock::kafka {

struct NewGroupRecord {
  std::vector<std::byte> key;
  std::optional<std::vector<std::byte>> value;  // without one: the end of what the key names
};

// On the partition's reactor. Completes when all are flushed: the offset of each, in order. Calls take effect in their
// order. After an error some of the records may be in the log nevertheless. Errors as Engine::append.
Task<Result<std::vector<uint64_t>>> append_group_records(Engine& engine, PartitionKey partition,
                                                         std::vector<NewGroupRecord> records);

}  // namespace penstock::kafka
