#include "net/kafka/messages/elect_leaders.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

ElectLeadersResponse::Partition elect(const Topic* topic, int32_t index, bool known_type) {
  ElectLeadersResponse::Partition result;
  result.partition_id = index;
  if (!known_type) {
    result.error_code = KafkaError::invalid_request;
    result.error_message = "Unknown type of election.";
  } else if (topic == nullptr || index < 0 ||
             index >= static_cast<int32_t>(topic->partition_count)) {
    result.error_code = KafkaError::unknown_topic_or_partition;
    result.error_message = "The partition does not exist.";
  } else {
    result.error_code = KafkaError::election_not_needed;
    result.error_message = "The one replica leads.";
  }
  return result;
}

}  // namespace

// The one replica of every partition leads it always. Of all partitions together only those are told that have a new
// leader, and there are none.
Task<Result<Answer>> handle_elect_leaders(Request& request) {
  const Result<ElectLeadersRequest> body = body_of<ElectLeadersRequest>(request);
  if (!body.ok()) co_return body.error();
  constexpr int8_t kUnclean = 1;
  const bool known_type = body.value().election_type >= 0 && body.value().election_type <= kUnclean;
  ElectLeadersResponse response;
  if (!known_type) response.error_code = KafkaError::invalid_request;
  if (body.value().topic_partitions) {
    for (const auto& asked : *body.value().topic_partitions) {
      const Topic* const topic = request.server.engine().catalog().find(asked.topic);
      ElectLeadersResponse::Topic results{asked.topic, {}};
      for (const int32_t index : asked.partitions) {
        results.partitions.push_back(elect(topic, index, known_type));
      }
      response.topics.push_back(std::move(results));
    }
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
