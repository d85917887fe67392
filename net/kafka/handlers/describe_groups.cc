#include "net/kafka/messages/describe_groups.h"

#include <deque>
#include <memory>

#include "net/kafka/group_operations.h"
#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kNotFoundVersionFirst = 6;

DescribeGroupsResponse::Group describe(std::string_view group_id,
                                       const GroupDescription& description) {
  DescribeGroupsResponse::Group group;
  group.error_code = description.error;
  group.group_id = group_id;
  group.state = description.state;
  group.protocol_type = description.protocol_type;
  group.protocol_name = description.protocol_name;
  for (const GroupDescription::Member& member : description.members) {
    DescribeGroupsResponse::Member one;
    one.member_id = member.member_id;
    if (member.instance_id) one.group_instance_id = *member.instance_id;
    one.client_id = member.client_id;
    one.client_host = member.client_host;
    one.metadata = Records(member.metadata);
    one.assignment = Records(member.assignment);
    group.members.push_back(one);
  }
  return group;
}

}  // namespace

Task<Result<Answer>> handle_describe_groups(Request& request) {
  const Result<DescribeGroupsRequest> body = body_of<DescribeGroupsRequest>(request);
  if (!body.ok()) co_return body.error();
  const auto kept = std::make_shared<std::deque<GroupDescription>>();
  DescribeGroupsResponse response;
  for (const std::string_view group_id : body.value().groups) {
    GroupDescription& description = kept->emplace_back();
    description.error = KafkaError::invalid_group_id;
    if (!group_id.empty()) {
      description = co_await request.server.groups().describe(group_id);
    }
    DescribeGroupsResponse::Group group = describe(group_id, description);
    // Before there was a message, a group that does not exist was no error.
    const bool missing =
        group.error_code == KafkaError::none && group.state == name_of(GroupState::dead);
    if (missing && request.header.api_version >= kNotFoundVersionFirst) {
      group.error_code = KafkaError::group_id_not_found;
      group.error_message = "There is no such group of the classic protocol.";
    }
    if (body.value().include_authorized_operations)
      group.authorized_operations = kAllGroupOperations;
    response.groups.push_back(std::move(group));
  }
  Result<Answer> answer = answer_with(request, response);
  if (answer.ok()) answer.value().kept_value = kept;
  co_return answer;
}

}  // namespace penstock::kafka
