#include "net/kafka/messages/incremental_alter_configs.h"

#include <set>

#include "net/kafka/config_alteration.h"

namespace penstock::kafka {
namespace {

Refusal changes_of(const IncrementalAlterConfigsRequest::Resource& resource,
                   ConfigChanges& changes) {
  for (const IncrementalAlterConfigsRequest::Config& config : resource.configs) {
    if (config.operation < 0 || config.operation > 3) {
      return {KafkaError::invalid_request, "Unknown operation on a config."};
    }
    const auto operation = static_cast<ConfigChange::Operation>(config.operation);
    if (!config.value && operation != ConfigChange::Operation::remove) {
      return {KafkaError::invalid_request, "A config value is null."};
    }
    changes.changes.push_back(
        {operation, std::string(config.name), std::string(config.value.value_or(""))});
  }
  return {};
}

}  // namespace

Task<Result<Answer>> handle_incremental_alter_configs(Request& request) {
  const Result<IncrementalAlterConfigsRequest> body =
      body_of<IncrementalAlterConfigsRequest>(request);
  if (!body.ok()) co_return body.error();
  std::multiset<std::pair<int8_t, std::string_view>> named;
  for (const auto& resource : body.value().resources) {
    named.emplace(resource.resource_type, resource.resource_name);
  }
  IncrementalAlterConfigsResponse response;
  std::vector<Refusal> refusals(body.value().resources.size());  // their texts outlive the response
  for (size_t i = 0; i < refusals.size(); ++i) {
    const IncrementalAlterConfigsRequest::Resource& resource = body.value().resources[i];
    ConfigChanges changes;
    refusals[i] = named.count({resource.resource_type, resource.resource_name}) > 1
                      ? Refusal{KafkaError::invalid_request, "The resource is named twice."}
                      : changes_of(resource, changes);
    if (refusals[i].code == KafkaError::none) {
      refusals[i] = co_await alter_resource(request, resource.resource_type, resource.resource_name,
                                            std::move(changes), body.value().validate_only);
    }
    response.responses.push_back(
        {refusals[i].code, refusals[i].text(), resource.resource_type, resource.resource_name});
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
