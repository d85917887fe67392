#include "net/kafka/messages/alter_configs.h"

#include <set>

#include "net/kafka/config_alteration.h"

namespace penstock::kafka {
namespace {

Refusal changes_of(const AlterConfigsRequest::Resource& resource, ConfigChanges& changes) {
  changes.replaces_all = true;
  for (const AlterConfigsRequest::Config& config : resource.configs) {
    if (!config.value) {
      return {KafkaError::invalid_request, "A config value is null."};
    }
    changes.changes.push_back(
        {ConfigChange::Operation::set, std::string(config.name), std::string(*config.value)});
  }
  return {};
}

}  // namespace

Task<Result<Answer>> handle_alter_configs(Request& request) {
  const Result<AlterConfigsRequest> body = body_of<AlterConfigsRequest>(request);
  if (!body.ok()) co_return body.error();
  std::multiset<std::pair<int8_t, std::string_view>> named;
  for (const auto& resource : body.value().resources) {
    named.emplace(resource.resource_type, resource.resource_name);
  }
  AlterConfigsResponse response;
  std::vector<Refusal> refusals(body.value().resources.size());  // their texts outlive the response
  for (size_t i = 0; i < refusals.size(); ++i) {
    const AlterConfigsRequest::Resource& resource = body.value().resources[i];
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
