#include "net/kafka/messages/leave_group.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kBatchVersionFirst = 3;

}  // namespace

Task<Result<Answer>> handle_leave_group(Request& request) {
  const Result<LeaveGroupRequest> decoded = body_of<LeaveGroupRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const LeaveGroupRequest& body = decoded.value();
  const bool batch = request.header.api_version >= kBatchVersionFirst;
  LeaveGroupResponse response;
  if (body.group_id.empty()) {
    response.error_code = KafkaError::invalid_group_id;
    co_return answer_with(request, response);
  }
  std::vector<MemberIdentity> members;
  if (!batch) members.push_back({body.member_id, std::nullopt});
  for (const LeaveGroupRequest::Member& member : body.members) {
    members.push_back({member.member_id, member.group_instance_id});
  }
  const GroupCoordinator::LeaveAnswer left =
      co_await request.server.groups().leave(body.group_id, members);
  response.error_code = left.error;
  if (left.error == KafkaError::none && !batch) response.error_code = left.members[0];
  if (left.error == KafkaError::none && batch) {
    for (size_t i = 0; i < members.size(); ++i) {
      response.members.push_back({members[i].member_id, members[i].instance_id, left.members[i]});
    }
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
