// What members of the consumer protocol ask of their group, and what it answers, apart from the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/kafka/groups/consumer_group_state.h"
#include "net/kafka/groups/partition_set.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

// Strings are borrowed for the call. What is left out has not changed since the member told it last.
struct ConsumerHeartbeat {
  static constexpr int32_t kJoin = 0;
  static constexpr int32_t kLeave = -1;
  static constexpr int32_t kLeaveForNow = -2;  // a static member's: it will be back

  std::string_view member_id;
  int32_t epoch = kJoin;
  std::optional<std::string_view> instance_id;
  std::optional<std::string_view> rack_id;
  std::string_view client_id;
  std::string_view client_host;
  int32_t rebalance_timeout_ms = -1;  // -1: left out
  std::optional<std::vector<std::string_view>> topics;
  std::optional<std::string_view> pattern;  // empty: none any more
  std::optional<std::string_view> assignor;
  std::optional<PartitionSet> owned;  // what the member reads now
  bool may_grow = true;               // there is memory for another subscription

  // The member tells everything: it wants to hear everything too.
  bool is_full() const {
    return epoch == kJoin || (rebalance_timeout_ms != -1 && owned && (topics || pattern));
  }
};

struct ConsumerHeartbeatAnswer {
  KafkaError error = KafkaError::none;
  std::string message;  // of an error
  std::string member_id;
  int32_t epoch = 0;
  int32_t interval_ms = 0;
  std::optional<PartitionSet> assignment;  // if it is not what was told last
};

struct ConsumerGroupDescription {
  struct Partitions {
    TopicId topic;
    std::string topic_name;
    std::vector<int32_t> partitions;
  };
  struct Member {
    ConsumerMember told;  // and `assigned` and `target` by name below
    std::vector<Partitions> assigned;
    std::vector<Partitions> target;
  };
  KafkaError error = KafkaError::none;
  std::string message;
  std::string state;
  int32_t epoch = 0;
  int32_t target_epoch = 0;
  std::string assignor;
  std::vector<Member> members;
};

}  // namespace penstock::kafka
