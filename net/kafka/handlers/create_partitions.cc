#include "net/kafka/messages/create_partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

Refusal check_assignments(const CreatePartitionsRequest::Topic& asked, uint32_t new_count,
                          int32_t node_id) {
  if (!asked.assignments) return {};
  if (asked.assignments->size() != new_count) {
    return {KafkaError::invalid_replica_assignment,
            fmt::format("There are {} new partitions, and {} assignments.", new_count,
                        asked.assignments->size())};
  }
  const std::vector<int32_t> only{node_id};
  const bool ours = std::ranges::all_of(
      *asked.assignments, [&](const auto& assignment) { return assignment.broker_ids == only; });
  if (ours) return {};
  return {KafkaError::invalid_replica_assignment,
          fmt::format("Every partition has one replica, on node {}.", node_id)};
}

Refusal check_growth(const Request& request, const CreatePartitionsRequest::Topic& asked) {
  const Topic* const topic = request.server.engine().catalog().find(asked.name);
  if (topic == nullptr) {
    return {KafkaError::unknown_topic_or_partition, "The topic does not exist."};
  }
  // Where a group's offsets lie follows from the count.
  if (is_internal_topic(asked.name)) {
    return {KafkaError::invalid_topic_exception, "The topic is the node's own."};
  }
  const auto before = static_cast<int32_t>(topic->partition_count);
  if (asked.count <= before) {
    return {
        KafkaError::invalid_partitions,
        fmt::format("Topic currently has {} partitions, and {} is not more.", before, asked.count)};
  }
  if (asked.count > static_cast<int32_t>(kPartitionsMax)) {
    return {KafkaError::invalid_partitions,
            fmt::format("A topic has at most {} partitions.", kPartitionsMax)};
  }
  return check_assignments(asked, static_cast<uint32_t>(asked.count - before),
                           request.server.options().node_id);
}

Task<Refusal> create(Request& request, const CreatePartitionsRequest::Topic& asked) {
  Engine& engine = request.server.engine();
  const TopicId id = engine.catalog().find(asked.name)->id;
  const Result<void> created =
      co_await engine.create_partitions(id, static_cast<uint32_t>(asked.count));
  if (created.ok()) co_return Refusal{};
  if (created.error() == Error::invalid_argument) {  // another client was faster
    co_return Refusal{KafkaError::invalid_partitions, "The topic has as many partitions by now."};
  }
  co_return Refusal{kafka_error_of(created.error()), "The catalog could not be written."};
}

}  // namespace

Task<Result<Answer>> handle_create_partitions(Request& request) {
  const Result<CreatePartitionsRequest> body = body_of<CreatePartitionsRequest>(request);
  if (!body.ok()) co_return body.error();
  std::multiset<std::string_view> names;
  for (const auto& topic : body.value().topics) names.insert(topic.name);
  CreatePartitionsResponse response;
  std::vector<Refusal> refusals(body.value().topics.size());  // their texts outlive the response
  for (size_t i = 0; i < refusals.size(); ++i) {
    const CreatePartitionsRequest::Topic& asked = body.value().topics[i];
    refusals[i] = names.count(asked.name) > 1
                      ? Refusal{KafkaError::invalid_request, "The topic is named twice."}
                      : check_growth(request, asked);
    if (refusals[i].code == KafkaError::none && !body.value().validate_only) {
      refusals[i] = co_await create(request, asked);
    }
    response.results.push_back({asked.name, refusals[i].code, refusals[i].text()});
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
