#include "net/kafka/messages/list_partition_reassignments.h"

#include "net/kafka/handlers.h"

namespace penstock::kafka {

// With one node nothing is ever on its way from one to another.
Task<Result<Answer>> handle_list_partition_reassignments(Request& request) {
  const Result<ListPartitionReassignmentsRequest> body =
      body_of<ListPartitionReassignmentsRequest>(request);
  if (!body.ok()) co_return body.error();
  co_return answer_with(request, ListPartitionReassignmentsResponse{});
}

}  // namespace penstock::kafka
