#include "net/kafka/messages/metadata.h"

#include <deque>
#include <string>

#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"
#include "net/kafka/topic_names.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kEpochsSince = 7;
constexpr int16_t kIdsAskedSince = 12;  // ids are told since 10

// An answer under construction, with the names it refers to.
struct Described {
  MetadataResponse response;
  std::deque<std::string> names;
};

void describe(const Request& request, const MetadataRequest& body, const Topic& topic,
              Described& described) {
  const int32_t node_id = request.server.options().node_id;
  MetadataResponse::Topic result;
  result.name = described.names.emplace_back(topic.name);
  result.topic_id = uuid_of(topic.id);
  result.is_internal = is_internal_topic(topic.name);
  if (body.include_topic_authorized_operations) result.authorized_operations = kTopicOperations;
  result.partitions.reserve(topic.partition_count);
  for (uint32_t index = 0; index < topic.partition_count; ++index) {
    MetadataResponse::Partition partition;
    partition.index = static_cast<int32_t>(index);
    partition.leader_id = node_id;
    partition.leader_epoch = 0;
    partition.replica_nodes = {node_id};
    partition.isr_nodes = {node_id};
    result.partitions.push_back(std::move(partition));
  }
  described.response.topics.push_back(std::move(result));
}

void describe_missing(const MetadataRequest::Topic& wanted, KafkaError error,
                      Described& described) {
  MetadataResponse::Topic missing;
  missing.error_code = error;
  missing.name = wanted.name;
  missing.topic_id = wanted.topic_id;
  described.response.topics.push_back(std::move(missing));
}

// The topic of this name, made if it may be; or why not.
Task<KafkaError> make_sure(Request& request, std::string_view name, bool may_create) {
  Engine& engine = request.server.engine();
  if (engine.catalog().find(name) != nullptr) co_return KafkaError::none;
  if (!is_valid_topic_name(name)) co_return KafkaError::invalid_topic_exception;
  // The offsets topic is made by the coordinator, as it must be.
  if (is_internal_topic(name) || !may_create) co_return KafkaError::unknown_topic_or_partition;
  if (colliding_topic(engine.catalog(), name) != nullptr) {
    co_return KafkaError::invalid_topic_exception;
  }
  TopicSpec spec;
  spec.name = std::string(name);
  spec.partition_count = static_cast<uint32_t>(request.server.options().default_partitions);
  const Result<std::shared_ptr<const Topic>> created =
      co_await engine.create_topic(std::move(spec));
  // Ours, or another client's of the same moment.
  if (engine.catalog().find(name) != nullptr) co_return KafkaError::none;
  co_return created.ok() ? KafkaError::leader_not_available : kafka_error_of(created.error());
}

void describe_by_id(const Request& request, const MetadataRequest& body,
                    const MetadataRequest::Topic& wanted, Described& described) {
  const CatalogSnapshot& catalog = request.server.engine().catalog();
  if (request.header.api_version < kIdsAskedSince) {
    MetadataRequest::Topic named = wanted;
    if (!named.name) named.name = "";  // these versions have no null here
    return describe_missing(named, KafkaError::invalid_request, described);
  }
  if (wanted.topic_id == Uuid{}) {
    return describe_missing(wanted, KafkaError::invalid_request, described);
  }
  const Topic* topic = catalog.find(topic_id_of(wanted.topic_id));
  if (topic != nullptr) return describe(request, body, *topic, described);
  MetadataRequest::Topic nameless = wanted;
  nameless.name.reset();
  describe_missing(nameless, KafkaError::unknown_topic_id, described);
}

Task<void> describe_wanted(Request& request, const MetadataRequest& body, Described& described) {
  Engine& engine = request.server.engine();
  const bool may_create =
      request.server.options().auto_create_topics && body.allow_auto_topic_creation;
  for (const MetadataRequest::Topic& wanted : *body.topics) {
    if (!wanted.name || wanted.topic_id != Uuid{}) {
      describe_by_id(request, body, wanted, described);
      continue;
    }
    const KafkaError error = co_await make_sure(request, *wanted.name, may_create);
    const Topic* topic = engine.catalog().find(*wanted.name);
    if (error == KafkaError::none && topic != nullptr) {
      describe(request, body, *topic, described);
    } else {
      describe_missing(wanted, error, described);
    }
  }
}

Task<void> fill_leader_epochs(Engine& engine, MetadataResponse& response) {
  std::vector<Engine::TopicEpochs> topics;
  for (const MetadataResponse::Topic& topic : response.topics) {
    topics.push_back(
        {topic_id_of(topic.topic_id), std::vector<LeaderEpoch>(topic.partitions.size())});
  }
  co_await engine.read_leader_epochs(topics);
  for (size_t i = 0; i < topics.size(); ++i) {
    for (size_t index = 0; index < topics[i].epochs.size(); ++index) {
      response.topics[i].partitions[index].leader_epoch = topics[i].epochs[index].value;
    }
  }
}

}  // namespace

Task<Result<Answer>> handle_metadata(Request& request) {
  const Result<MetadataRequest> decoded = body_of<MetadataRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const MetadataRequest& body = decoded.value();
  const ServerOptions& options = request.server.options();
  Engine& engine = request.server.engine();
  Described described;
  MetadataResponse& response = described.response;
  MetadataResponse::Broker broker;
  broker.node_id = options.node_id;
  broker.host = request.advertised.host;
  broker.port = request.advertised.port;
  response.brokers.push_back(broker);
  const std::string cluster_id = to_string(engine.directory_id());
  response.cluster_id = cluster_id;
  response.controller_id = options.node_id;
  if (body.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kClusterOperations;
  }
  const int16_t version = request.header.api_version;
  if (!body.topics || (version == 0 && body.topics->empty())) {
    for (const auto& [name, topic] : engine.catalog().topics()) {
      describe(request, body, *topic, described);
    }
  } else {
    co_await describe_wanted(request, body, described);
  }
  if (version >= kEpochsSince) co_await fill_leader_epochs(engine, response);
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
