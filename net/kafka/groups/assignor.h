// Who of a group of the consumer protocol is to read what: the assignors Kafka has on the server's side. No I/O, and
// the same answer to the same question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/groups/partition_set.h"

namespace penstock::kafka {

enum class Assignor : uint8_t {
  uniform,  // as many partitions each as can be, and as few as can be change hands
  range,    // of each topic a run of partitions each: the same ones of topics that are alike
};
const char* name_of(Assignor assignor);
std::optional<Assignor> assignor_named(std::string_view name);

// What they point to is the caller's.
struct AssignorMember {
  std::string_view id;
  std::optional<std::string_view> instance_id;
  const std::vector<TopicId>* topics = nullptr;  // subscribed to; ascending, none twice
  const PartitionSet* before = nullptr;          // what it was to read until now
};

// Per member, in their order. Every partition of a topic that somebody subscribes to goes to one of those who do.
// `topics`: how many partitions each has; others are as if they were not.
std::vector<PartitionSet> assign(Assignor assignor, const std::vector<AssignorMember>& members,
                                 const std::map<TopicId, int32_t>& topics);

}  // namespace penstock::kafka
