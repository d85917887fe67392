#include "net/kafka/groups/consumer_group_state.h"

#include <algorithm>
#include <utility>

#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

constexpr size_t kNodeBytes = 64;  // of a map's node, besides what it holds

using Encoded = Result<std::optional<std::vector<std::byte>>>;

template <class Value>
Encoded encoded(const Value& value) {
  Result<std::vector<std::byte>> bytes = encode_consumer_value(value);
  if (!bytes.ok()) return bytes.error();
  return std::optional<std::vector<std::byte>>(std::move(bytes).value());
}

template <class Text>
std::optional<std::string_view> view_of(const std::optional<Text>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::optional<std::string> copy_of(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

size_t bytes_of(const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += sizeof(std::string) + text.size();
  return bytes;
}

Encoded encode_told(const ConsumerMember& member) {
  ConsumerMemberValue value;
  value.instance_id = view_of(member.instance_id);
  value.rack_id = view_of(member.rack_id);
  value.client_id = member.client_id;
  value.client_host = member.client_host;
  value.topics.assign(member.topics.begin(), member.topics.end());
  if (!member.pattern.empty()) value.pattern = member.pattern;
  value.rebalance_timeout_ms = member.rebalance_timeout_ms;
  value.assignor = view_of(member.assignor);
  return encoded(value);
}

Encoded encode_current(const ConsumerMember& member) {
  ConsumerCurrentValue value;
  value.epoch = member.epoch;
  value.previous_epoch = member.previous_epoch;
  value.state = static_cast<int8_t>(member.state);
  value.assigned = stored_form_of(member.assigned);
  value.pending_revocation = stored_form_of(member.pending_revocation);
  return encoded(value);
}

Encoded encode_topics(const ConsumerGroupState& state) {
  ConsumerTopicsValue value;
  for (const auto& [name, topic] : state.topics) {
    value.topics.push_back({uuid_of(topic.id), name, topic.partition_count, {}});
  }
  return encoded(value);
}

Encoded encode_pattern(const ConsumerGroupState::Pattern& pattern) {
  ConsumerPatternValue value;
  value.topics.assign(pattern.topics.begin(), pattern.topics.end());
  value.version = pattern.version;
  value.timestamp_ms = pattern.timestamp_ms;
  return encoded(value);
}

}  // namespace

size_t ConsumerMember::memory_bytes() const {
  size_t bytes = sizeof(ConsumerMember) + 2 * (kNodeBytes + id.size()) + client_id.size() +
                 client_host.size() + pattern.size() + bytes_of(topics);
  if (instance_id) bytes += 2 * (kNodeBytes + instance_id->size());
  if (rack_id) bytes += rack_id->size();
  // The partitions it holds are noted by the group once more.
  return bytes + 2 * (memory_bytes_of(assigned) + memory_bytes_of(pending_revocation)) +
         memory_bytes_of(target);
}

size_t ConsumerGroupState::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, member] : members) bytes += member.memory_bytes();
  for (const auto& [name, topic] : topics) bytes += kNodeBytes + sizeof topic + name.size();
  for (const auto& [text, pattern] : patterns) {
    bytes += kNodeBytes + sizeof pattern + text.size() + bytes_of(pattern.topics);
  }
  return bytes;
}

Encoded ConsumerGroupState::value_of(ConsumerRecordKind kind, std::string_view name) const {
  switch (kind) {
    case ConsumerRecordKind::group: return encoded(ConsumerGroupValue{epoch});
    case ConsumerRecordKind::topics: return encode_topics(*this);
    case ConsumerRecordKind::target_epoch: return encoded(ConsumerTargetEpochValue{target_epoch});
    case ConsumerRecordKind::pattern: {
      const auto found = patterns.find(name);
      return found == patterns.end() ? Encoded(std::nullopt) : encode_pattern(found->second);
    }
    default: break;
  }
  const auto found = members.find(name);
  if (found == members.end()) return Encoded(std::nullopt);
  if (kind == ConsumerRecordKind::member) return encode_told(found->second);
  if (kind == ConsumerRecordKind::current) return encode_current(found->second);
  return encoded(ConsumerTargetValue{stored_form_of(found->second.target)});
}

Result<void> ConsumerGroupReplay::apply(const ConsumerRecordKey& key,
                                        const std::optional<std::span<const std::byte>>& value) {
  if (!value) {
    end(key);
    return {};
  }
  switch (key.kind) {
    case ConsumerRecordKind::group: {
      const auto decoded = decode_consumer_value<ConsumerGroupValue>(*value);
      if (!decoded.ok()) return decoded.error();
      exists_ = true;
      state_.epoch = decoded.value().epoch;
      return {};
    }
    case ConsumerRecordKind::target_epoch: {
      const auto decoded = decode_consumer_value<ConsumerTargetEpochValue>(*value);
      if (!decoded.ok()) return decoded.error();
      state_.target_epoch = decoded.value().epoch;
      return {};
    }
    case ConsumerRecordKind::target: {
      const auto decoded = decode_consumer_value<ConsumerTargetValue>(*value);
      if (!decoded.ok()) return decoded.error();
      members_[std::string(key.name)].target = partitions_of(decoded.value().partitions);
      return {};
    }
    case ConsumerRecordKind::topics: return apply_topics(*value);
    case ConsumerRecordKind::member: return apply_member(key.name, *value);
    case ConsumerRecordKind::current: return apply_current(key.name, *value);
    case ConsumerRecordKind::pattern: return apply_pattern(key.name, *value);
  }
  return Error::unsupported;
}

Result<void> ConsumerGroupReplay::apply_topics(std::span<const std::byte> value) {
  const auto decoded = decode_consumer_value<ConsumerTopicsValue>(value);
  if (!decoded.ok()) return decoded.error();
  state_.topics.clear();
  for (const ConsumerTopicsValue::Topic& topic : decoded.value().topics) {
    state_.topics[std::string(topic.name)] = {topic_id_of(topic.id), topic.partition_count};
  }
  return {};
}

Result<void> ConsumerGroupReplay::apply_member(std::string_view id,
                                               std::span<const std::byte> value) {
  const auto decoded = decode_consumer_value<ConsumerMemberValue>(value);
  if (!decoded.ok()) return decoded.error();
  const ConsumerMemberValue& stored = decoded.value();
  ConsumerMember member;
  member.instance_id = copy_of(stored.instance_id);
  member.rack_id = copy_of(stored.rack_id);
  member.client_id = stored.client_id;
  member.client_host = stored.client_host;
  member.topics.assign(stored.topics.begin(), stored.topics.end());
  std::ranges::sort(member.topics);
  member.pattern = stored.pattern.value_or("");
  member.rebalance_timeout_ms = stored.rebalance_timeout_ms;
  member.assignor = copy_of(stored.assignor);
  members_[std::string(id)].told = std::move(member);
  return {};
}

Result<void> ConsumerGroupReplay::apply_current(std::string_view id,
                                                std::span<const std::byte> value) {
  const auto decoded = decode_consumer_value<ConsumerCurrentValue>(value);
  if (!decoded.ok()) return decoded.error();
  const ConsumerCurrentValue& stored = decoded.value();
  if (stored.state < 0 || stored.state > 2) return Error::unsupported;
  ConsumerMember& member = members_[std::string(id)].current;
  member.epoch = stored.epoch;
  member.previous_epoch = stored.previous_epoch;
  member.state = static_cast<ConsumerMemberState>(stored.state);
  member.assigned = partitions_of(stored.assigned);
  member.pending_revocation = partitions_of(stored.pending_revocation);
  return {};
}

Result<void> ConsumerGroupReplay::apply_pattern(std::string_view pattern,
                                                std::span<const std::byte> value) {
  const auto decoded = decode_consumer_value<ConsumerPatternValue>(value);
  if (!decoded.ok()) return decoded.error();
  ConsumerGroupState::Pattern& stored = state_.patterns[std::string(pattern)];
  stored.topics.assign(decoded.value().topics.begin(), decoded.value().topics.end());
  stored.version = decoded.value().version;
  stored.timestamp_ms = decoded.value().timestamp_ms;
  return {};
}

void ConsumerGroupReplay::end(const ConsumerRecordKey& key) {
  switch (key.kind) {
    case ConsumerRecordKind::group: exists_ = false; return;
    case ConsumerRecordKind::topics: state_.topics.clear(); return;
    case ConsumerRecordKind::target_epoch: state_.target_epoch = 0; return;
    case ConsumerRecordKind::pattern: state_.patterns.erase(std::string(key.name)); return;
    default: break;
  }
  const auto found = members_.find(key.name);
  if (found == members_.end()) return;
  Member& member = found->second;
  if (key.kind == ConsumerRecordKind::member) member.told.reset();
  if (key.kind == ConsumerRecordKind::current) member.current = {};
  if (key.kind == ConsumerRecordKind::target) member.target.clear();
  if (!member.told && member.target.empty() && member.current.epoch == 0) members_.erase(found);
}

ConsumerGroupState ConsumerGroupReplay::take() {
  for (auto& [id, found] : members_) {
    if (!found.told) continue;
    ConsumerMember member = std::move(*found.told);
    member.id = id;
    member.epoch = found.current.epoch;
    member.previous_epoch = found.current.previous_epoch;
    member.state = found.current.state;
    member.assigned = std::move(found.current.assigned);
    member.pending_revocation = std::move(found.current.pending_revocation);
    member.target = std::move(found.target);
    state_.members.emplace(id, std::move(member));
  }
  members_.clear();
  exists_ = false;
  return std::exchange(state_, {});
}

}  // namespace penstock::kafka
