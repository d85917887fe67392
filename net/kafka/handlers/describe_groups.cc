#include "net/kafka/messages/describe_groups.h"

#include <deque>
#include <memory>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

// A bit for each operation: read, delete, describe. Without access control all are allowed.
constexpr int32_t kAllOperations = 1 << 3 | 1 << 6 | 1 << 8;

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
    if (body.value().include_authorized_operations) group.authorized_operations = kAllOperations;
    response.groups.push_back(std::move(group));
  }
  Result<Answer> answer = answer_with(request, response);
  if (answer.ok()) answer.value().kept_value = kept;
  co_return answer;
}

}  // namespace penstock::kafka
