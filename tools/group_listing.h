// What a consumer group is, as its coordinator and its partitions' leaders tell it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/kafka_session.h"

namespace penstock {

using TopicPartition = std::pair<std::string, int32_t>;

struct GroupListing {
  struct Member {
    std::string id;
    std::string instance_id;  // empty: it is no static member
    std::string client_id;
    std::string host;
    std::vector<TopicPartition> assigned;
  };
  std::string state;
  std::string protocol;
  std::vector<Member> members;
};

// Both: nothing, and `wrong` says why.
std::optional<GroupListing> describe_group(KafkaSession& coordinator, const std::string& group,
                                           std::string& wrong);
std::optional<std::map<TopicPartition, int64_t>> committed_offsets(KafkaSession& coordinator,
                                                                   const std::string& group,
                                                                   std::string& wrong);

}  // namespace penstock
