#include "net/kafka/messages/describe_topic_partitions.h"

#include <algorithm>
#include <set>

#include "net/kafka/authorized_operations.h"
#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

constexpr int32_t kPartitionsMaxPerAnswer = 2000;

using Response = DescribeTopicPartitionsResponse;

Response::Partition describe_partition(int32_t index, int32_t node_id) {
  Response::Partition partition;
  partition.partition_index = index;
  partition.leader_id = node_id;
  partition.leader_epoch = 0;
  partition.replica_nodes = {node_id};
  partition.isr_nodes = {node_id};
  return partition;
}

// The topics asked for, or all, in the order of their names from the cursor on.
std::vector<std::string_view> names_of(const DescribeTopicPartitionsRequest& request,
                                       const CatalogSnapshot& catalog) {
  std::set<std::string_view> names;
  for (const auto& topic : request.topics) names.insert(topic.name);
  if (request.topics.empty()) {
    for (const auto& [name, topic] : catalog.topics()) names.insert(name);
  }
  const auto first = request.cursor ? names.lower_bound(request.cursor->topic_name) : names.begin();
  return {first, names.end()};
}

// The partitions of `topic` from `first` on, as many as `room` has; false: there are more.
bool describe_partitions(const Topic& topic, int32_t first, int32_t node_id, int32_t& room,
                         Response& response) {
  const auto end = static_cast<int32_t>(topic.partition_count);
  for (int32_t index = first; index < end; ++index) {
    if (room == 0) {
      response.next_cursor = Response::Cursor{response.topics.back().name.value(), index};
      return false;
    }
    response.topics.back().partitions.push_back(describe_partition(index, node_id));
    --room;
  }
  return true;
}

Task<void> fill_leader_epochs(Engine& engine, Response& response) {
  std::vector<Engine::TopicEpochs> topics(response.topics.size());
  for (size_t i = 0; i < topics.size(); ++i) {
    const auto& partitions = response.topics[i].partitions;
    topics[i].topic = topic_id_of(response.topics[i].topic_id);
    if (!partitions.empty()) {
      topics[i].epochs.resize(static_cast<size_t>(partitions.back().partition_index) + 1);
    }
  }
  co_await engine.read_leader_epochs(topics);
  for (size_t i = 0; i < topics.size(); ++i) {
    for (Response::Partition& partition : response.topics[i].partitions) {
      const auto index = static_cast<size_t>(partition.partition_index);
      if (index < topics[i].epochs.size()) partition.leader_epoch = topics[i].epochs[index].value;
    }
  }
}

}  // namespace

Task<Result<Answer>> handle_describe_topic_partitions(Request& request) {
  const Result<DescribeTopicPartitionsRequest> body =
      body_of<DescribeTopicPartitionsRequest>(request);
  if (!body.ok()) co_return body.error();
  const std::shared_ptr<const CatalogSnapshot> catalog = request.server.engine().catalog_pointer();
  const int32_t node_id = request.server.options().node_id;
  int32_t room = std::clamp(body.value().response_partition_limit, 1, kPartitionsMaxPerAnswer);
  Response response;
  for (const std::string_view name : names_of(body.value(), *catalog)) {
    if (room == 0) {
      response.next_cursor = Response::Cursor{name, 0};
      break;
    }
    const Topic* const topic = catalog->find(name);
    Response::Topic described;
    described.name = name;
    if (topic == nullptr) {
      described.error_code = is_valid_topic_name(name) ? KafkaError::unknown_topic_or_partition
                                                       : KafkaError::invalid_topic_exception;
    } else {
      described.topic_id = uuid_of(topic->id);
      described.topic_authorized_operations = kTopicOperations;
      described.is_internal = is_internal_topic(name);
    }
    response.topics.push_back(std::move(described));
    if (topic == nullptr) continue;
    const auto& cursor = body.value().cursor;
    const bool resumed = cursor && cursor->topic_name == name;
    const int32_t first = resumed ? std::max(cursor->partition_index, 0) : 0;
    if (!describe_partitions(*topic, first, node_id, room, response)) break;
  }
  co_await fill_leader_epochs(request.server.engine(), response);
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
