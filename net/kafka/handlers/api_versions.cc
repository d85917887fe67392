#include "net/kafka/messages/api_versions.h"

#include "net/kafka/handlers.h"

namespace penstock::kafka {

Task<Result<Answer>> handle_api_versions(Request& request) {
  ApiVersionsResponse response;
  for (const Api& api : api_table()) {
    response.api_keys.push_back({api.key, api.advertised.first, api.advertised.last});
  }
  if (ApiVersionsRequest::kApi.served.contains(request.header.api_version)) {
    const Result<ApiVersionsRequest> body = body_of<ApiVersionsRequest>(request);
    if (!body.ok()) co_return body.error();
    co_return answer_with(request, response);
  }
  response.error_code = KafkaError::unsupported_version;
  Result<OutgoingFrame> frame = encode_response(request.header.correlation_id, 0, response);
  if (!frame.ok()) co_return frame.error();
  Answer answer;
  answer.frame.emplace(std::move(frame).value());
  co_return answer;
}

}  // namespace penstock::kafka
