#include "net/kafka/messages/heartbeat.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

Task<Result<Answer>> handle_heartbeat(Request& request) {
  const Result<HeartbeatRequest> decoded = body_of<HeartbeatRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const HeartbeatRequest& body = decoded.value();
  HeartbeatResponse response;
  response.error_code = KafkaError::invalid_group_id;
  if (!body.group_id.empty()) {
    const MemberIdentity identity{body.member_id, body.group_instance_id};
    response.error_code =
        co_await request.server.groups().heartbeat(body.group_id, identity, body.generation_id);
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
