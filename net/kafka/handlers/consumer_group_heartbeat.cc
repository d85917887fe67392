#include "net/kafka/messages/consumer_group_heartbeat.h"

#include <algorithm>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

using Wire = ConsumerGroupHeartbeatRequest;

constexpr int16_t kOwnIdVersionFirst = 1;  // from here on members make their ids themselves
// What is kept of a member must fit into a record of the log.
constexpr size_t kSubscriptionBytesMax = 1 << 20;

size_t subscription_bytes(const Wire& body) {
  size_t bytes = body.subscribed_topic_regex.value_or("").size();
  if (!body.subscribed_topic_names) return bytes;
  for (const std::string_view name : *body.subscribed_topic_names) bytes += 2 + name.size();
  return bytes;
}

// Why nobody could mean this; null: somebody could.
const char* fault_of_join(const Wire& body) {
  if (body.rebalance_timeout_ms == -1) return "RebalanceTimeoutMs must be given when joining.";
  if (!body.topic_partitions || !body.topic_partitions->empty()) {
    return "TopicPartitions must be empty when joining.";
  }
  if (!body.subscribed_topic_names && !body.subscribed_topic_regex) {
    return "SubscribedTopicNames or SubscribedTopicRegex must be given when joining.";
  }
  return nullptr;
}

const char* fault_of(const Request& request, const Wire& body) {
  const bool makes_own_id = request.header.api_version >= kOwnIdVersionFirst;
  const bool joins = body.member_epoch == ConsumerHeartbeat::kJoin;
  if (body.group_id.empty()) return "GroupId must not be empty.";
  if (body.member_id.empty() && (makes_own_id || !joins)) return "MemberId must not be empty.";
  if (body.member_epoch < ConsumerHeartbeat::kLeaveForNow) return "MemberEpoch is out of range.";
  if (body.instance_id && body.instance_id->empty()) return "InstanceId must not be empty.";
  if (body.rack_id && body.rack_id->empty()) return "RackId must not be empty.";
  if (body.rebalance_timeout_ms < -1) return "RebalanceTimeoutMs is out of range.";
  if (body.member_epoch == ConsumerHeartbeat::kLeaveForNow && !body.instance_id) {
    return "InstanceId must be given when a static member leaves.";
  }
  if (subscription_bytes(body) > kSubscriptionBytesMax) return "The subscription is too large.";
  return joins ? fault_of_join(body) : nullptr;
}

ConsumerHeartbeat wish_of(const Request& request, const Wire& body, std::string_view client_host) {
  ConsumerHeartbeat wish;
  wish.member_id = body.member_id;
  wish.epoch = body.member_epoch;
  wish.instance_id = body.instance_id;
  wish.rack_id = body.rack_id;
  wish.client_id = request.header.client_id.value_or("");
  wish.client_host = client_host;
  wish.rebalance_timeout_ms = body.rebalance_timeout_ms;
  wish.topics = body.subscribed_topic_names;
  wish.pattern = body.subscribed_topic_regex;
  wish.assignor = body.server_assignor;
  if (!body.topic_partitions) return wish;
  wish.owned.emplace();
  for (const ConsumerTopicPartitions& some : *body.topic_partitions) {
    add_partitions(*wish.owned, topic_id_of(some.topic_id), some.partitions);
  }
  return wish;
}

ConsumerGroupHeartbeatResponse response_of(const ConsumerHeartbeatAnswer& answer) {
  ConsumerGroupHeartbeatResponse response;
  response.error_code = answer.error;
  if (!answer.message.empty()) response.error_message = answer.message;
  if (answer.error != KafkaError::none) return response;
  response.member_id = answer.member_id;
  response.member_epoch = answer.epoch;
  response.heartbeat_interval_ms = answer.interval_ms;
  if (!answer.assignment) return response;
  response.assignment.emplace();
  for (const auto& [topic, partitions] : *answer.assignment) {
    response.assignment->topic_partitions.push_back({uuid_of(topic), partitions});
  }
  return response;
}

}  // namespace

Task<Result<Answer>> handle_consumer_group_heartbeat(Request& request) {
  const Result<Wire> decoded = body_of<Wire>(request);
  if (!decoded.ok()) co_return decoded.error();
  const Wire& body = decoded.value();
  GroupCoordinator& groups = request.server.groups();
  ConsumerHeartbeatAnswer answer;
  if (!groups.settings().consumer_protocol) {
    answer.error = KafkaError::unsupported_version;
    co_return answer_with(request, response_of(answer));
  }
  if (const char* const fault = fault_of(request, body); fault != nullptr) {
    answer.error = KafkaError::invalid_request;
    answer.message = fault;
    co_return answer_with(request, response_of(answer));
  }
  const std::string client_host = client_host_of(request);
  const std::string new_id = body.member_id.empty() ? groups.new_member_id() : std::string();
  ConsumerHeartbeat wish = wish_of(request, body, client_host);
  if (wish.member_id.empty()) wish.member_id = new_id;
  answer = co_await groups.consumer_heartbeat(body.group_id, wish);
  co_return answer_with(request, response_of(answer));
}

}  // namespace penstock::kafka
