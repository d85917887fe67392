#include "net/kafka/messages/create_topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "net/kafka/config_description.h"
#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"
#include "net/kafka/topic_names.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

// Either counts, or an assignment of every partition to this one node.
Refusal check_layout(const CreateTopicsRequest::Topic& topic, int32_t node_id,
                     int32_t default_partitions, uint32_t& partition_count) {
  if (!topic.assignments.empty()) {
    if (topic.partition_count != -1 || topic.replication_factor != -1) {
      return {KafkaError::invalid_request,
              "Both assignments and a partition count or replication factor are given."};
    }
    std::set<int32_t> indices;
    for (const CreateTopicsRequest::Assignment& assignment : topic.assignments) {
      indices.insert(assignment.partition_index);
      if (assignment.broker_ids != std::vector<int32_t>{node_id}) {
        return {KafkaError::invalid_replica_assignment,
                "Every partition has one replica, on node " + std::to_string(node_id) + "."};
      }
    }
    const auto count = static_cast<int32_t>(topic.assignments.size());
    if (static_cast<int32_t>(indices.size()) != count || *indices.begin() != 0 ||
        *indices.rbegin() != count - 1) {
      return {KafkaError::invalid_replica_assignment, "Partitions are numbered 0, 1, 2 and so on."};
    }
    partition_count = static_cast<uint32_t>(count);
    return {};
  }
  if (topic.partition_count != -1 && topic.partition_count < 1) {
    return {KafkaError::invalid_partitions, "The number of partitions must be at least 1."};
  }
  if (topic.replication_factor != -1 && topic.replication_factor != 1) {
    return {KafkaError::invalid_replication_factor,
            "There is one node: the replication factor must be 1."};
  }
  partition_count = static_cast<uint32_t>(topic.partition_count == -1 ? default_partitions
                                                                      : topic.partition_count);
  return {};
}

Refusal check_configs(const CreateTopicsRequest::Topic& topic,
                      std::map<std::string, std::string>& entries) {
  for (const CreateTopicsRequest::Config& config : topic.configs) {
    if (!config.value) continue;  // its default
    entries[std::string(config.name)] = std::string(*config.value);
  }
  std::string what;
  if (!TopicConfig::parse(entries, what).ok()) return {KafkaError::invalid_config, what};
  return {};
}

Refusal refusal_of(Error error) {
  switch (error) {
    case Error::already_exists: return {KafkaError::topic_already_exists, "The topic exists."};
    case Error::too_large: return {KafkaError::invalid_partitions, "Too many partitions."};
    case Error::invalid_argument: return {KafkaError::invalid_request, "The topic is not valid."};
    default: return {kafka_error_of(error), "The topic could not be written to the catalog."};
  }
}

// Everything but the creation itself; `spec` is filled.
Refusal check_topic(const Request& request, const CreateTopicsRequest::Topic& topic,
                    TopicSpec& spec) {
  const ServerOptions& options = request.server.options();
  if (!is_valid_topic_name(topic.name)) {
    return {KafkaError::invalid_topic_exception,
            "A topic's name is 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-', and not '.' or '..'."};
  }
  if (is_internal_topic(topic.name)) {
    return {KafkaError::invalid_topic_exception, "The topic is the node's own."};
  }
  if (request.server.engine().catalog().find(topic.name) != nullptr) {
    return refusal_of(Error::already_exists);
  }
  if (const Topic* other = colliding_topic(request.server.engine().catalog(), topic.name)) {
    return {KafkaError::invalid_topic_exception,
            fmt::format("Topic '{}' collides with existing topic: {}", topic.name, other->name)};
  }
  spec.name = std::string(topic.name);
  const Refusal layout =
      check_layout(topic, options.node_id, options.default_partitions, spec.partition_count);
  if (layout.code != KafkaError::none) return layout;
  return check_configs(topic, spec.config_entries);
}

std::vector<CreateTopicsResponse::Config> configs_of(const Request& request,
                                                     ConfigDescriber& describer,
                                                     const TopicConfig::Entries& entries) {
  const Engine& engine = request.server.engine();
  const TopicConfig defaults = engine.catalog().topic_defaults(engine.options().topic_defaults);
  std::string what;
  const Result<TopicConfig> config = TopicConfig::parse(entries, what, defaults);
  std::vector<CreateTopicsResponse::Config> configs;
  if (!config.ok()) return configs;  // it has been checked
  for (const auto& one : describer.topic(entries, config.value(), std::nullopt)) {
    configs.push_back({one.name, one.value, one.read_only, one.config_source, one.is_sensitive});
  }
  return configs;
}

}  // namespace

Task<Result<Answer>> handle_create_topics(Request& request) {
  const Result<CreateTopicsRequest> body = body_of<CreateTopicsRequest>(request);
  if (!body.ok()) co_return body.error();
  Engine& engine = request.server.engine();
  std::multiset<std::string_view> names;
  for (const auto& topic : body.value().topics) names.insert(topic.name);

  const size_t count = body.value().topics.size();
  std::vector<Refusal> refusals(count);  // their texts outlive the response
  std::vector<TopicSpec> specs(count);
  const ServerOptions& options = request.server.options();
  ConfigDescriber describer(engine, *options.broker_config, options.node_id, {});
  CreateTopicsResponse response;
  for (size_t i = 0; i < count; ++i) {
    const CreateTopicsRequest::Topic& topic = body.value().topics[i];
    CreateTopicsResponse::Topic result;
    result.name = topic.name;
    refusals[i] = names.count(topic.name) > 1
                      ? Refusal{KafkaError::invalid_request, "The topic is named twice."}
                      : check_topic(request, topic, specs[i]);
    if (refusals[i].code == KafkaError::none) {
      result.partition_count = static_cast<int32_t>(specs[i].partition_count);
      result.replication_factor = 1;
      result.configs = configs_of(request, describer, specs[i].config_entries);
      if (!body.value().validate_only) {
        const Result<std::shared_ptr<const Topic>> created =
            co_await engine.create_topic(std::move(specs[i]));
        if (created.ok()) {
          result.topic_id = uuid_of(created.value()->id);
        } else {
          refusals[i] = refusal_of(created.error());
        }
      }
    }
    result.error_code = refusals[i].code;
    result.error_message = refusals[i].text();
    response.topics.push_back(std::move(result));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
