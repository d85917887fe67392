#include "net/kafka/messages/consumer_group_describe.h"

#include <deque>
#include <memory>

#include "net/kafka/group_operations.h"
#include "net/kafka/handlers.h"
#include "net/kafka/server.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

using Wire = ConsumerGroupDescribeResponse;

Wire::Assignment describe(const std::vector<ConsumerGroupDescription::Partitions>& some) {
  Wire::Assignment assignment;
  for (const ConsumerGroupDescription::Partitions& one : some) {
    assignment.topic_partitions.push_back({uuid_of(one.topic), one.topic_name, one.partitions});
  }
  return assignment;
}

Wire::Member describe(const ConsumerGroupDescription::Member& described) {
  const ConsumerMember& told = described.told;
  Wire::Member member;
  member.member_id = told.id;
  if (told.instance_id) member.instance_id = *told.instance_id;
  if (told.rack_id) member.rack_id = *told.rack_id;
  member.member_epoch = told.epoch;
  member.client_id = told.client_id;
  member.client_host = told.client_host;
  member.subscribed_topic_names.assign(told.topics.begin(), told.topics.end());
  if (!told.pattern.empty()) member.subscribed_topic_regex = told.pattern;
  member.assignment = describe(described.assigned);
  member.target_assignment = describe(described.target);
  member.member_type = Wire::Member::kOfConsumerProtocol;
  return member;
}

Wire::Group describe(std::string_view group_id, const ConsumerGroupDescription& description) {
  Wire::Group group;
  group.error_code = description.error;
  if (!description.message.empty()) group.error_message = description.message;
  group.group_id = group_id;
  group.group_state = description.state;
  group.group_epoch = description.epoch;
  group.assignment_epoch = description.target_epoch;
  group.assignor_name = description.assignor;
  for (const ConsumerGroupDescription::Member& member : description.members) {
    group.members.push_back(describe(member));
  }
  return group;
}

}  // namespace

Task<Result<Answer>> handle_consumer_group_describe(Request& request) {
  const auto body = body_of<ConsumerGroupDescribeRequest>(request);
  if (!body.ok()) co_return body.error();
  const auto kept = std::make_shared<std::deque<ConsumerGroupDescription>>();
  ConsumerGroupDescribeResponse response;
  for (const std::string_view group_id : body.value().group_ids) {
    ConsumerGroupDescription& description = kept->emplace_back();
    description.error = KafkaError::invalid_group_id;
    if (!request.server.groups().settings().consumer_protocol) {
      description.error = KafkaError::unsupported_version;
    } else if (!group_id.empty()) {
      description = co_await request.server.groups().describe_consumer(group_id);
    }
    response.groups.push_back(describe(group_id, description));
    if (body.value().include_authorized_operations) {
      response.groups.back().authorized_operations = kAllGroupOperations;
    }
  }
  Result<Answer> answer = answer_with(request, response);
  if (answer.ok()) answer.value().kept_value = kept;
  co_return answer;
}

}  // namespace penstock::kafka
