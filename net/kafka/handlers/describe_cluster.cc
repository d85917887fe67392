#include "net/kafka/messages/describe_cluster.h"

#include "net/kafka/authorized_operations.h"
#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int8_t kBrokers = 1;
constexpr int8_t kControllers = 2;

}  // namespace

Task<Result<Answer>> handle_describe_cluster(Request& request) {
  const Result<DescribeClusterRequest> body = body_of<DescribeClusterRequest>(request);
  if (!body.ok()) co_return body.error();
  const int32_t node_id = request.server.options().node_id;
  const std::string cluster_id = to_string(request.server.engine().directory_id());
  DescribeClusterResponse response;
  response.endpoint_type = kBrokers;
  if (body.value().endpoint_type == kBrokers) {
    response.cluster_id = cluster_id;
    response.controller_id = node_id;
    response.brokers.push_back(
        {node_id, request.advertised.host, request.advertised.port, std::nullopt});
    if (body.value().include_cluster_authorized_operations) {
      response.cluster_authorized_operations = kClusterOperations;
    }
  } else {
    const bool controllers = body.value().endpoint_type == kControllers;
    response.error_code =
        controllers ? KafkaError::mismatched_endpoint_type : KafkaError::unsupported_endpoint_type;
    response.error_message = "This endpoint is a broker's.";
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
