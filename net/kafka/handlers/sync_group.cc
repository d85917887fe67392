#include "net/kafka/messages/sync_group.h"

#include <memory>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kProtocolVersionFirst = 5;

SyncWish wish_of(const SyncGroupRequest& body) {
  SyncWish wish;
  wish.identity = {body.member_id, body.group_instance_id};
  wish.generation = body.generation_id;
  wish.protocol_type = body.protocol_type;
  wish.protocol_name = body.protocol_name;
  for (const SyncGroupRequest::Assignment& assignment : body.assignments) {
    const std::span<const std::byte> bytes = assignment.assignment.bytes();
    wish.assignments.push_back({assignment.member_id, {bytes.begin(), bytes.end()}});
  }
  return wish;
}

}  // namespace

Task<Result<Answer>> handle_sync_group(Request& request) {
  const Result<SyncGroupRequest> decoded = body_of<SyncGroupRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const SyncGroupRequest& body = decoded.value();
  const auto kept = std::make_shared<SyncAnswer>();
  if (body.group_id.empty()) {
    kept->error = KafkaError::invalid_group_id;
  } else if (request.header.api_version >= kProtocolVersionFirst &&
             !(body.protocol_type && body.protocol_name)) {
    kept->error = KafkaError::inconsistent_group_protocol;
  } else {
    const SyncWish wish = wish_of(body);
    *kept = co_await request.server.groups().sync(body.group_id, wish, request.client_gone);
  }
  SyncGroupResponse response;
  response.error_code = kept->error;
  if (kept->error == KafkaError::none) {
    response.protocol_type = kept->protocol_type;
    response.protocol_name = kept->protocol_name;
  }
  response.assignment = Records(kept->assignment);
  Result<Answer> answer = answer_with(request, response);
  if (answer.ok()) answer.value().kept_value = kept;
  co_return answer;
}

}  // namespace penstock::kafka
