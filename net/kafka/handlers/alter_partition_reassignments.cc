#include "net/kafka/messages/alter_partition_reassignments.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

using Asked = AlterPartitionReassignmentsRequest::Partition;

// There is one place for a replica, and it is there already.
AlterPartitionReassignmentsResponse::Partition reassign(const Topic* topic, const Asked& asked,
                                                        int32_t node_id) {
  AlterPartitionReassignmentsResponse::Partition result;
  result.partition_index = asked.partition_index;
  if (topic == nullptr || asked.partition_index < 0 ||
      asked.partition_index >= static_cast<int32_t>(topic->partition_count)) {
    result.error_code = KafkaError::unknown_topic_or_partition;
    result.error_message = "The partition does not exist.";
  } else if (!asked.replicas) {
    result.error_code = KafkaError::no_reassignment_in_progress;
    result.error_message = "No reassignment is in progress.";
  } else if (*asked.replicas != std::vector<int32_t>{node_id}) {
    result.error_code = KafkaError::invalid_replica_assignment;
    result.error_message = "There is one node, and every partition has its one replica on it.";
  }
  return result;
}

}  // namespace

Task<Result<Answer>> handle_alter_partition_reassignments(Request& request) {
  const Result<AlterPartitionReassignmentsRequest> body =
      body_of<AlterPartitionReassignmentsRequest>(request);
  if (!body.ok()) co_return body.error();
  AlterPartitionReassignmentsResponse response;
  for (const auto& asked : body.value().topics) {
    const Topic* const topic = request.server.engine().catalog().find(asked.name);
    AlterPartitionReassignmentsResponse::Topic results{asked.name, {}};
    for (const Asked& partition : asked.partitions) {
      results.partitions.push_back(reassign(topic, partition, request.server.options().node_id));
    }
    response.topics.push_back(std::move(results));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
