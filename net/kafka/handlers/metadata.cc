#include "net/kafka/messages/metadata.h"

#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

MetadataResponse::Topic describe_topic(const Topic& topic, int32_t node_id) {
  MetadataResponse::Topic described;
  described.name = topic.name;
  described.is_internal = is_internal_topic(topic.name);
  for (uint32_t index = 0; index < topic.partition_count; ++index) {
    MetadataResponse::Partition partition;
    partition.index = static_cast<int32_t>(index);
    partition.leader_id = node_id;
    partition.leader_epoch = 0;
    partition.replica_nodes = {node_id};
    partition.isr_nodes = {node_id};
    described.partitions.push_back(std::move(partition));
  }
  return described;
}

// The topic, made if it may be. The answer's `name` is the asked one, which the request holds.
Task<MetadataResponse::Topic> find_or_create(Request& request, std::string_view name,
                                             bool may_create) {
  Engine& engine = request.server.engine();
  const ServerOptions& options = request.server.options();
  MetadataResponse::Topic missing;
  missing.name = name;
  if (const Topic* topic = engine.catalog().find(name)) {
    MetadataResponse::Topic described = describe_topic(*topic, options.node_id);
    described.name = name;
    co_return described;
  }
  missing.error_code = KafkaError::unknown_topic_or_partition;
  if (!is_valid_topic_name(name)) missing.error_code = KafkaError::invalid_topic_exception;
  // The offsets topic is made by the coordinator, as it must be.
  if (is_internal_topic(name)) co_return missing;
  if (!may_create || missing.error_code == KafkaError::invalid_topic_exception) co_return missing;
  TopicSpec spec;
  spec.name = std::string(name);
  spec.partition_count = static_cast<uint32_t>(options.default_partitions);
  const Result<std::shared_ptr<const Topic>> created =
      co_await engine.create_topic(std::move(spec));
  const Topic* topic = engine.catalog().find(name);  // ours, or another client's of the same moment
  if (topic == nullptr) {
    missing.error_code =
        created.ok() ? KafkaError::leader_not_available : kafka_error_of(created.error());
    co_return missing;
  }
  MetadataResponse::Topic described = describe_topic(*topic, options.node_id);
  described.name = name;
  co_return described;
}

}  // namespace

Task<Result<Answer>> handle_metadata(Request& request) {
  const Result<MetadataRequest> body = body_of<MetadataRequest>(request);
  if (!body.ok()) co_return body.error();
  const ServerOptions& options = request.server.options();
  MetadataResponse response;
  MetadataResponse::Broker broker;
  broker.node_id = options.node_id;
  broker.host = request.advertised.host;
  broker.port = request.advertised.port;
  response.brokers.push_back(broker);
  const std::string cluster_id = to_string(request.server.engine().directory_id());
  response.cluster_id = cluster_id;
  response.controller_id = options.node_id;

  const auto& topics = body.value().topics;
  const bool all = !topics || (request.header.api_version == 0 && topics->empty());
  // Held for as long as the answer refers to its names.
  const std::vector<std::string> names = [&] {
    std::vector<std::string> listed;
    if (!all) return listed;
    for (const auto& [name, topic] : request.server.engine().catalog().topics()) {
      listed.push_back(name);
    }
    return listed;
  }();
  for (const std::string& name : names) {
    const Topic* topic = request.server.engine().catalog().find(name);
    if (topic == nullptr) continue;
    response.topics.push_back(describe_topic(*topic, options.node_id));
    response.topics.back().name = name;
  }
  if (!all) {
    const bool may_create = options.auto_create_topics && body.value().allow_auto_topic_creation;
    for (const MetadataRequest::Topic& topic : *topics) {
      MetadataResponse::Topic found = co_await find_or_create(request, topic.name, may_create);
      response.topics.push_back(std::move(found));
    }
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
