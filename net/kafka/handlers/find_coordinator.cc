#include "net/kafka/messages/find_coordinator.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

// On one node the answer is always: here. Transactions have no coordinator.
Task<Result<Answer>> handle_find_coordinator(Request& request) {
  const Result<FindCoordinatorRequest> body = body_of<FindCoordinatorRequest>(request);
  if (!body.ok()) co_return body.error();
  FindCoordinatorResponse::Coordinator here;
  switch (body.value().key_type) {
    case FindCoordinatorRequest::KeyType::group: {
      const Result<void> ready = co_await request.server.groups().ensure_offsets_topic();
      if (!ready.ok()) {
        here.error_code = KafkaError::coordinator_not_available;
        break;
      }
      here.node_id = request.server.options().node_id;
      here.host = request.advertised.host;
      here.port = request.advertised.port;
      break;
    }
    case FindCoordinatorRequest::KeyType::transaction:
      here.error_code = KafkaError::coordinator_not_available;
      break;
    default: here.error_code = KafkaError::invalid_request; break;
  }
  FindCoordinatorResponse response;
  response.error_code = here.error_code;
  response.node_id = here.node_id;
  response.host = here.host;
  response.port = here.port;
  for (const std::string_view key : body.value().keys) {
    here.key = key;
    response.coordinators.push_back(here);
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
