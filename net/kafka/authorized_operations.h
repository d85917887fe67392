// What a client may do, as sets of Kafka's operations. Without access control it may do all there is.
#pragma once

#include <cstdint>
#include <limits>

namespace penstock::kafka {

// A bit each.
enum class Operation : uint8_t {
  read = 3,
  write = 4,
  create = 5,
  remove = 6,
  alter = 7,
  describe = 8,
  cluster_action = 9,
  describe_configs = 10,
  alter_configs = 11,
  idempotent_write = 12,
};

template <class... Operations>
constexpr int32_t operation_set(Operations... operations) {
  return (0 | ... | (1 << static_cast<int>(operations)));
}

// Instead of a set, where the client did not ask for one.
inline constexpr int32_t kOperationsNotAsked = std::numeric_limits<int32_t>::min();

inline constexpr int32_t kTopicOperations = operation_set(
    Operation::read, Operation::write, Operation::create, Operation::remove, Operation::alter,
    Operation::describe, Operation::describe_configs, Operation::alter_configs);

inline constexpr int32_t kClusterOperations = operation_set(
    Operation::create, Operation::alter, Operation::describe, Operation::cluster_action,
    Operation::describe_configs, Operation::alter_configs, Operation::idempotent_write);

}  // namespace penstock::kafka
