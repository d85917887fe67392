#include "tools/group_listing.h"

#include <fmt/format.h>

#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/describe_groups.h"
#include "net/kafka/messages/offset_fetch.h"

namespace penstock {
namespace {

// What a consumer is given by its leader. Version 1 and later add what is not needed here, behind it.
struct ConsumerAssignment {
  struct Topic {
    std::string_view name;
    std::vector<int32_t> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::partitions);
    }
  };
  int16_t version = 0;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerAssignment::version);
    fields(&ConsumerAssignment::topics);
  }
};

// Whatever is no consumer's assignment has no partitions.
std::vector<TopicPartition> partitions_of(const kafka::Records& assignment) {
  ConsumerAssignment read;
  kafka::Decoder decoder(assignment.bytes());
  kafka::decode_struct(decoder, {}, read);
  std::vector<TopicPartition> found;
  if (!decoder.ok()) return found;
  for (const auto& topic : read.topics) {
    for (const int32_t index : topic.partitions) found.emplace_back(topic.name, index);
  }
  return found;
}

}  // namespace

std::optional<GroupListing> describe_group(KafkaSession& coordinator, const std::string& group,
                                           std::string& wrong) {
  kafka::DescribeGroupsRequest request;
  request.groups.push_back(group);
  const auto answer = coordinator.ask<kafka::DescribeGroupsResponse>(request, wrong);
  if (!answer) return std::nullopt;
  if (answer->message.groups.empty()) {
    wrong = fmt::format("group {} is not described", group);
    return std::nullopt;
  }
  const auto& told = answer->message.groups.front();
  if (told.error_code != kafka::KafkaError::none) {
    wrong = fmt::format("group {}: {}", group, name_of(told.error_code));
    return std::nullopt;
  }
  GroupListing listing{std::string(told.state), std::string(told.protocol_name), {}};
  for (const auto& member : told.members) {
    listing.members.push_back({std::string(member.member_id),
                               std::string(member.group_instance_id.value_or("")),
                               std::string(member.client_id), std::string(member.client_host),
                               partitions_of(member.assignment)});
  }
  return listing;
}

std::optional<std::map<TopicPartition, int64_t>> committed_offsets(KafkaSession& coordinator,
                                                                   const std::string& group,
                                                                   std::string& wrong) {
  constexpr int16_t kLastOfOneGroup = 7;
  kafka::OffsetFetchRequest request;
  request.group_id = group;
  const auto answer = coordinator.ask<kafka::OffsetFetchResponse>(request, wrong, kLastOfOneGroup);
  if (!answer) return std::nullopt;
  if (answer->message.error_code != kafka::KafkaError::none) {
    wrong = fmt::format("group {}: {}", group, name_of(answer->message.error_code));
    return std::nullopt;
  }
  std::map<TopicPartition, int64_t> offsets;
  for (const auto& topic : answer->message.topics) {
    for (const auto& part : topic.partitions) {
      if (part.committed_offset >= 0) {
        offsets[{std::string(topic.name), part.index}] = part.committed_offset;
      }
    }
  }
  return offsets;
}

}  // namespace penstock
