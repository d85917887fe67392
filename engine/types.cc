#include "engine/types.h"

#include <fmt/format.h>

namespace penstock {

std::string to_string(const TopicId& id) { return fmt::format("{:016x}-{:016x}", id.high, id.low); }

std::string to_string(const PartitionKey& key) {
  return fmt::format("{}/{}", to_string(key.topic), key.partition);
}

}  // namespace penstock
