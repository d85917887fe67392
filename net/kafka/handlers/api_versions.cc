#include "net/kafka/messages/api_versions.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

namespace {

constexpr int16_t kZeroLevelVersionFirst = 4;  // until then clients cannot read a least level of 0

// That there is the consumer protocol beside the classic one, as Kafka 4.0 says it.
void add_features(int16_t version, ApiVersionsResponse& response) {
  constexpr std::string_view kGroupVersion = "group.version";
  const int16_t least = version < kZeroLevelVersionFirst ? 1 : 0;
  response.supported_features.push_back({kGroupVersion, least, 1});
  response.finalized_features.push_back({kGroupVersion, 1, 1});
  response.finalized_features_epoch = 0;
}

}  // namespace

Task<Result<Answer>> handle_api_versions(Request& request) {
  ApiVersionsResponse response;
  for (const Api& api : api_table()) {
    response.api_keys.push_back({api.key, api.advertised.first, api.advertised.last});
  }
  if (ApiVersionsRequest::kApi.served.contains(request.header.api_version)) {
    const Result<ApiVersionsRequest> body = body_of<ApiVersionsRequest>(request);
    if (!body.ok()) co_return body.error();
    if (request.server.groups().settings().consumer_protocol) {
      add_features(request.header.api_version, response);
    }
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
