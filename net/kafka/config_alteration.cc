#include "net/kafka/config_alteration.h"

#include <fmt/format.h>

#include <set>

#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr size_t kShownBytesMax = 100;  // of what a client sent, in a text to it

Refusal check_names(const ConfigChanges& changes) {
  std::set<std::string_view> names;
  for (const ConfigChange& change : changes.changes) {
    if (!names.insert(change.name).second) {
      return {KafkaError::invalid_request, fmt::format("Error due to duplicate config keys: {}",
                                                       change.name.substr(0, kShownBytesMax))};
    }
  }
  return {};
}

// Only what topics have by default may be changed while the node runs.
Refusal check_dynamic(const BrokerConfig& config, const ConfigChanges& changes) {
  for (const ConfigChange& change : changes.changes) {
    const BrokerProperty* const property = config.find(change.name);
    const std::string shown = change.name.substr(0, kShownBytesMax);
    if (property == nullptr) {
      return {KafkaError::invalid_config, fmt::format("Unknown broker config name: {}", shown)};
    }
    if (!property->dynamic()) {
      return {KafkaError::invalid_request,
              fmt::format("Cannot update these configs dynamically: {}", shown)};
    }
  }
  return {};
}

Refusal refusal_of(const Result<void>& altered, const std::string& what) {
  if (altered.ok()) return {};
  if (altered.error() == Error::invalid_argument) return {KafkaError::invalid_config, what};
  return {kafka_error_of(altered.error()), "The change could not be written to the catalog."};
}

Task<Refusal> alter_topic(Request& request, std::string_view name, ConfigChanges changes,
                          bool validate_only) {
  Engine& engine = request.server.engine();
  const Topic* const topic = engine.catalog().find(name);
  if (topic == nullptr) {
    co_return Refusal{KafkaError::unknown_topic_or_partition, "The topic does not exist."};
  }
  std::string what;
  const Result<void> altered =
      co_await engine.alter_topic(topic->id, std::move(changes), validate_only, what);
  co_return refusal_of(altered, what);
}

Task<Refusal> alter_node(Request& request, std::string scope, ConfigChanges changes,
                         bool validate_only) {
  std::string what;
  const Result<void> altered = co_await request.server.engine().alter_node(
      std::move(scope), std::move(changes), validate_only, what);
  co_return refusal_of(altered, what);
}

}  // namespace

std::optional<std::string> node_scope_of(const Request& request, std::string_view name) {
  const std::string own = std::to_string(request.server.options().node_id);
  if (!name.empty() && name != own) return std::nullopt;
  return std::string(name);
}

Task<Refusal> alter_resource(Request& request, int8_t type, std::string_view name,
                             ConfigChanges changes, bool validate_only) {
  const Refusal names = check_names(changes);
  if (names.code != KafkaError::none) co_return names;
  switch (static_cast<ResourceType>(type)) {
    case ResourceType::topic:
      co_return co_await alter_topic(request, name, std::move(changes), validate_only);
    case ResourceType::broker: break;
    case ResourceType::broker_logger:
    default:
      co_return Refusal{KafkaError::invalid_request,
                        fmt::format("Resources of type {} have no configuration.", type)};
  }
  std::optional<std::string> scope = node_scope_of(request, name);
  if (!scope) {
    co_return Refusal{KafkaError::invalid_request,
                      fmt::format("Unexpected broker id, expected {} or an empty string.",
                                  request.server.options().node_id)};
  }
  const Refusal fixed = check_dynamic(*request.server.options().broker_config, changes);
  if (fixed.code != KafkaError::none) co_return fixed;
  co_return co_await alter_node(request, std::move(*scope), std::move(changes), validate_only);
}

}  // namespace penstock::kafka
