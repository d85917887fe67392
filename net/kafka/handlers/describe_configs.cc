#include "net/kafka/messages/describe_configs.h"

#include <fmt/format.h>

#include <set>

#include "net/kafka/config_alteration.h"
#include "net/kafka/config_description.h"
#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

// Of one answer: ten thousand topics and more, and still less memory than the largest request.
constexpr size_t kEntriesMax = 400'000;

// Fills `configs`, or says why it cannot.
Refusal describe(const Request& request, const DescribeConfigsRequest::Resource& resource,
                 ConfigDescriber& describer, std::vector<ConfigDescriber::Config>& configs) {
  switch (static_cast<ResourceType>(resource.resource_type)) {
    case ResourceType::topic: {
      if (!is_valid_topic_name(resource.resource_name)) {
        return {KafkaError::invalid_topic_exception, "That is not a topic's name."};
      }
      const Topic* topic = request.server.engine().catalog().find(resource.resource_name);
      if (topic == nullptr) {
        return {KafkaError::unknown_topic_or_partition, "The topic does not exist."};
      }
      configs = describer.topic(topic->config_entries, topic->config, resource.configuration_keys);
      return {};
    }
    case ResourceType::broker: {
      const std::optional<std::string> scope = node_scope_of(request, resource.resource_name);
      if (!scope) {
        return {KafkaError::invalid_request,
                fmt::format("Unexpected broker id, expected {} or an empty string.",
                            request.server.options().node_id)};
      }
      configs = describer.broker(scope->empty(), resource.configuration_keys);
      return {};
    }
    case ResourceType::broker_logger:
    default:
      return {KafkaError::invalid_request,
              fmt::format("Resources of type {} have no configuration.", resource.resource_type)};
  }
}

}  // namespace

Task<Result<Answer>> handle_describe_configs(Request& request) {
  const Result<DescribeConfigsRequest> body = body_of<DescribeConfigsRequest>(request);
  if (!body.ok()) co_return body.error();
  const ServerOptions& options = request.server.options();
  ConfigDescriber describer(request.server.engine(), *options.broker_config, options.node_id,
                            {body.value().include_synonyms, body.value().include_documentation});
  DescribeConfigsResponse response;
  std::set<std::pair<int8_t, std::string_view>> named;
  std::vector<Refusal> refusals(body.value().resources.size());  // their texts outlive the response
  size_t entry_count = 0;
  for (size_t i = 0; i < refusals.size(); ++i) {
    const DescribeConfigsRequest::Resource& resource = body.value().resources[i];
    DescribeConfigsResponse::Result result;
    if (!named.emplace(resource.resource_type, resource.resource_name).second) {
      refusals[i] = {KafkaError::invalid_request, "The resource is named twice."};
    } else if (entry_count > kEntriesMax) {
      refusals[i] = {KafkaError::invalid_request, "Too much for one answer: ask for less."};
    } else {
      refusals[i] = describe(request, resource, describer, result.configs);
    }
    entry_count += result.configs.size();
    result.error_code = refusals[i].code;
    result.error_message = refusals[i].text();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    response.results.push_back(std::move(result));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
