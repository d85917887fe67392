#include "net/kafka/messages/delete_groups.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

Task<Result<Answer>> handle_delete_groups(Request& request) {
  const Result<DeleteGroupsRequest> body = body_of<DeleteGroupsRequest>(request);
  if (!body.ok()) co_return body.error();
  DeleteGroupsResponse response;
  for (const std::string_view group_id : body.value().group_names) {
    KafkaError error = KafkaError::invalid_group_id;
    if (!group_id.empty()) error = co_await request.server.groups().remove(group_id);
    response.results.push_back({group_id, error});
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
