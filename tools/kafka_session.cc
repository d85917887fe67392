#include "tools/kafka_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/kafka/api_text.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/find_coordinator.h"
#include "net/kafka/messages/list_offsets.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

std::string_view text_of(kafka::ApiKey key) {
  const kafka::ApiText* const text = kafka::find_text(key);
  return text == nullptr ? "that request" : text->name;
}

NetworkAddress address_of(std::string_view host, int32_t port) {
  NetworkAddress address;
  address.host = std::string(host);
  address.port = static_cast<uint16_t>(port);
  return address;
}

}  // namespace

std::unique_ptr<KafkaSession> KafkaSession::open(const NetworkAddress& address, int patience_ms,
                                                 std::string& wrong) {
  const std::string text = address_text(address);
  Result<std::unique_ptr<KafkaConnection>> made = KafkaConnection::connect(address, patience_ms);
  if (!made.ok()) {
    wrong = fmt::format("nobody answers at {}", text);
    return nullptr;
  }
  std::unique_ptr<KafkaSession> session(new KafkaSession(std::move(made).value(), text));
  session->versions_[kafka::ApiKey::api_versions] = {0, 0};  // every broker's
  const auto answer = session->ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, wrong);
  if (!answer) {
    wrong = fmt::format("{} is no Kafka broker, or does not answer", text);
    return nullptr;
  }
  for (const auto& entry : answer->message.api_keys) {
    session->versions_[entry.api_key] = {entry.version_min, entry.version_max};
  }
  return session;
}

std::optional<int16_t> KafkaSession::version_of(const kafka::Api& api, int16_t version_max) const {
  const auto known = versions_.find(api.key);
  if (known == versions_.end()) return std::nullopt;
  const int16_t last = std::min({known->second.last, api.served.last, version_max});
  const int16_t first = std::max(known->second.first, api.served.first);
  if (last < first) return std::nullopt;
  return last;
}

std::string KafkaSession::unserved(kafka::ApiKey key) const {
  return fmt::format("{} does not serve {}, or in no version that is known here", address_,
                     text_of(key));
}

std::string KafkaSession::unanswered(kafka::ApiKey key) const {
  return fmt::format("{} does not answer {}", address_, text_of(key));
}

bool KafkaCluster::connect(const NetworkAddress& bootstrap, std::string& wrong) {
  bootstrap_ = KafkaSession::open(bootstrap, patience_ms_, wrong);
  return bootstrap_ != nullptr;
}

KafkaSession* KafkaCluster::broker(int32_t node_id, std::string& wrong) {
  std::unique_ptr<KafkaSession>& session = sessions_[node_id];
  if (session == nullptr) {
    const auto address = addresses_.find(node_id);
    if (address == addresses_.end()) {
      wrong = fmt::format("there is no broker {}", node_id);
      return nullptr;
    }
    session = KafkaSession::open(address->second, patience_ms_, wrong);
  }
  return session.get();
}

KafkaSession* KafkaCluster::coordinator_of(const std::string& group, std::string& wrong) {
  constexpr int16_t kLastOfOneKey = 3;
  kafka::FindCoordinatorRequest request;
  request.key = group;
  const auto answer =
      bootstrap_->ask<kafka::FindCoordinatorResponse>(request, wrong, kLastOfOneKey);
  if (!answer) return nullptr;
  const kafka::FindCoordinatorResponse& found = answer->message;
  if (found.error_code != kafka::KafkaError::none) {
    wrong = fmt::format("group {} has no coordinator: {}", group, name_of(found.error_code));
    return nullptr;
  }
  addresses_[found.node_id] = address_of(found.host, found.port);
  return broker(found.node_id, wrong);
}

std::optional<KafkaAnswer<kafka::MetadataResponse>> KafkaCluster::metadata(
    const kafka::MetadataRequest& request, std::string& wrong) {
  auto answer = bootstrap_->ask<kafka::MetadataResponse>(request, wrong);
  if (!answer) return std::nullopt;
  for (const auto& each : answer->message.brokers) {
    addresses_[each.node_id] = address_of(each.host, each.port);
  }
  return answer;
}

bool KafkaCluster::learn_brokers(std::string& wrong) {
  kafka::MetadataRequest request;
  request.topics.emplace();  // none
  request.allow_auto_topic_creation = false;
  return metadata(request, wrong).has_value();
}

std::optional<std::vector<KafkaCluster::Topic>> KafkaCluster::topics(
    const std::vector<std::string>& names, std::string& wrong) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  if (!names.empty()) request.topics.emplace();
  for (const std::string& name : names) {
    kafka::MetadataRequest::Topic topic;
    topic.name = name;
    request.topics->push_back(topic);
  }
  const auto answer = metadata(request, wrong);
  if (!answer) return std::nullopt;
  std::vector<Topic> found;
  for (const auto& each : answer->message.topics) {
    Topic topic;
    if (each.name) topic.name = std::string(*each.name);
    if (each.error_code != kafka::KafkaError::none) topic.trouble = name_of(each.error_code);
    topic.internal = each.is_internal;
    for (const auto& part : each.partitions) {
      topic.partitions.push_back({part.index, part.leader_id, part.replica_nodes, part.isr_nodes});
    }
    std::ranges::sort(topic.partitions, {}, &Partition::index);
    found.push_back(std::move(topic));
  }
  std::ranges::sort(found, {}, &Topic::name);
  return found;
}

std::vector<int32_t> KafkaCluster::broker_ids() const {
  std::vector<int32_t> ids;
  for (const auto& [id, address] : addresses_) ids.push_back(id);
  return ids;
}

std::optional<int64_t> KafkaCluster::offset(const std::string& topic, const Partition& partition,
                                            int64_t timestamp_ms, std::string& wrong) {
  KafkaSession* const leader = broker(partition.leader, wrong);
  if (leader == nullptr) return std::nullopt;
  kafka::ListOffsetsRequest request;
  kafka::ListOffsetsRequest::Topic of;
  of.name = topic;
  of.partitions.push_back({partition.index, -1, timestamp_ms});
  request.topics.push_back(of);
  const auto answer = leader->ask<kafka::ListOffsetsResponse>(request, wrong);
  if (!answer) return std::nullopt;
  for (const auto& told : answer->message.topics) {
    for (const auto& part : told.partitions) {
      if (part.error_code == kafka::KafkaError::none) return part.offset;
      wrong = fmt::format("the offsets of {} {} are not told: {}", topic, partition.index,
                          name_of(part.error_code));
      return std::nullopt;
    }
  }
  wrong = fmt::format("the offsets of {} {} are not told", topic, partition.index);
  return std::nullopt;
}

}  // namespace penstock
