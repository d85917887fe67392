// Who is in the group, and what members may do.
#include "net/kafka/groups/group.h"

#include <algorithm>
#include <utility>

namespace penstock::kafka {
namespace {

constexpr const char* kConsumerProtocolType = "consumer";
constexpr uint64_t kNsPerMs = 1'000'000;
// A rebalance that ends before its leader's assignments leaves no record. So many of them in a row, and then a crash,
// would be needed for a generation to be given out twice.
constexpr int32_t kGenerationsUnstoredMax = 1'000;

size_t bytes_of_given_id(std::string_view member_id) {
  constexpr size_t kEntryBytes = 96;
  return kEntryBytes + member_id.size();
}

std::vector<std::byte> bytes_of(const Records& records) {
  const std::span<const std::byte> bytes = records.bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

const char* name_of(GroupState state) {
  switch (state) {
    case GroupState::empty: return "Empty";
    case GroupState::preparing_rebalance: return "PreparingRebalance";
    case GroupState::completing_rebalance: return "CompletingRebalance";
    case GroupState::stable: return "Stable";
    case GroupState::dead: return "Dead";
  }
  return "Unknown";
}

Group::Group(std::string id, Clock& clock, const GroupSettings& settings)
    : id_(std::move(id)),
      clock_(clock),
      settings_(settings),
      memory_bytes_(sizeof(Group) + 2 * id_.size()) {}

Group::~Group() {
  for (const auto& [id, member] : members_) check(!member.is_held());
}

KafkaError Group::check_identity(const MemberIdentity& identity) const {
  if (identity.instance_id) {
    const auto found = static_members_.find(*identity.instance_id);
    if (found == static_members_.end()) return KafkaError::unknown_member_id;
    return found->second == identity.member_id ? KafkaError::none : KafkaError::fenced_instance_id;
  }
  return members_.contains(identity.member_id) ? KafkaError::none : KafkaError::unknown_member_id;
}

// check_identity() has agreed.
GroupMember& Group::member_of(const MemberIdentity& identity) {
  const auto found = members_.find(identity.member_id);
  check(found != members_.end());
  return found->second;
}

bool Group::has_room_for(const MemberIdentity& identity) const {
  if (members_.contains(identity.member_id)) return true;
  if (identity.instance_id && static_members_.contains(*identity.instance_id)) return true;
  return members_.size() < settings_.members_max && given_ids_.size() <= settings_.members_max;
}

// There must be a protocol that all members can work with.
bool Group::can_work_with(const JoinWish& wish) const {
  if (members_.empty()) return true;
  if (wish.protocol_type != protocol_type_) return false;
  return std::ranges::any_of(wish.protocols, [this](const GroupProtocol& protocol) {
    const auto found = protocol_counts_.find(protocol.name);
    return found != protocol_counts_.end() && found->second == members_.size();
  });
}

void Group::count_protocols(const GroupMember& member, bool added) {
  for (const GroupProtocol& protocol : member.protocols) {
    uint32_t& count = protocol_counts_[protocol.name];
    count += added ? 1 : -1;
    if (count == 0) protocol_counts_.erase(protocol.name);
  }
}

void Group::set_wish(GroupMember& member, const JoinWish& wish) {
  member.client_id = wish.client_id;
  member.client_host = wish.client_host;
  member.session_timeout_ms = wish.session_timeout_ms;
  member.rebalance_timeout_ms = wish.rebalance_timeout_ms;
  member.protocols = wish.protocols;
}

GroupMember& Group::add_member(const JoinWish& wish, std::string member_id) {
  if (members_.empty()) protocol_type_ = wish.protocol_type;
  forget_given_id(member_id);
  GroupMember& member = members_[member_id];
  member.id = std::move(member_id);
  if (wish.identity.instance_id) {
    member.instance_id = std::string(*wish.identity.instance_id);
    static_members_[*member.instance_id] = member.id;
  }
  set_wish(member, wish);
  count_protocols(member, true);
  memory_bytes_ += member.memory_bytes();
  if (initial_delay_) joined_meanwhile_ = true;
  return member;
}

void Group::update_member(GroupMember& member, const JoinWish& wish) {
  count_protocols(member, false);
  memory_bytes_ -= member.memory_bytes();
  set_wish(member, wish);
  memory_bytes_ += member.memory_bytes();
  count_protocols(member, true);
}

void Group::remove_member(Members::iterator at) {
  GroupMember& member = at->second;
  if (member.awaiting_join) --awaiting_join_count_;
  if (member.parked_join != nullptr) {
    refuse(*member.parked_join, KafkaError::unknown_member_id, member.id);
  }
  if (member.parked_sync != nullptr) refuse(*member.parked_sync, KafkaError::unknown_member_id);
  if (member.is_static()) static_members_.erase(*member.instance_id);
  if (leader_id_ == member.id) leader_id_.clear();
  count_protocols(member, false);
  memory_bytes_ -= member.memory_bytes();
  members_.erase(at);
}

void Group::give_id(std::string member_id, int32_t session_timeout_ms) {
  memory_bytes_ += bytes_of_given_id(member_id);
  given_ids_[std::move(member_id)] =
      clock_.monotonic_ns() + static_cast<uint64_t>(session_timeout_ms) * kNsPerMs;
}

bool Group::forget_given_id(std::string_view member_id) {
  const auto found = given_ids_.find(member_id);
  if (found == given_ids_.end()) return false;
  memory_bytes_ -= bytes_of_given_id(member_id);
  given_ids_.erase(found);
  return true;
}

void Group::touch(GroupMember& member) {
  member.session_deadline_ns =
      clock_.monotonic_ns() + static_cast<uint64_t>(member.session_timeout_ms) * kNsPerMs;
}

KafkaError Group::heartbeat(const MemberIdentity& identity, int32_t generation) {
  if (state_ == GroupState::dead) return KafkaError::coordinator_not_available;
  const KafkaError unknown = check_identity(identity);
  if (unknown != KafkaError::none) return unknown;
  if (generation != generation_) return KafkaError::illegal_generation;
  touch(member_of(identity));
  return state_ == GroupState::preparing_rebalance ? KafkaError::rebalance_in_progress
                                                   : KafkaError::none;
}

// An administrator may name a static member by its instance alone.
KafkaError Group::leave(const MemberIdentity& identity) {
  if (state_ == GroupState::dead) return KafkaError::coordinator_not_available;
  std::string member_id(identity.member_id);
  if (member_id.empty() && identity.instance_id) {
    const auto found = static_members_.find(*identity.instance_id);
    if (found != static_members_.end()) member_id = found->second;
  } else if (!identity.instance_id && forget_given_id(member_id)) {
    complete_join_if_all_are_here();
    return KafkaError::none;
  }
  const KafkaError unknown = check_identity({member_id, identity.instance_id});
  if (unknown != KafkaError::none) return unknown;
  remove_member(members_.find(member_id));
  rebalance();
  return KafkaError::none;
}

KafkaError Group::admit_commit(const MemberIdentity& identity, int32_t generation) {
  if (state_ == GroupState::dead) return KafkaError::coordinator_not_available;
  const bool claims_membership =
      generation >= 0 || !identity.member_id.empty() || identity.instance_id;
  if (members_.empty() && generation < 0) return KafkaError::none;  // a consumer without a group
  if (!claims_membership) return KafkaError::unknown_member_id;
  const KafkaError unknown = check_identity(identity);
  if (unknown != KafkaError::none) return unknown;
  if (generation != generation_) return KafkaError::illegal_generation;
  // The generation is so new that nobody can own a partition of it.
  if (state_ == GroupState::completing_rebalance) return KafkaError::rebalance_in_progress;
  touch(member_of(identity));
  return KafkaError::none;
}

KafkaError Group::admit_forgetting() const {
  if (state_ == GroupState::dead) return KafkaError::group_id_not_found;
  if (members_.empty() || protocol_type_ == kConsumerProtocolType) return KafkaError::none;
  return KafkaError::non_empty_group;
}

// Members whose subscription cannot be read count as subscribed to everything.
bool Group::is_subscribed_to(std::string_view topic) const {
  for (const auto& [id, member] : members_) {
    const std::vector<std::byte>* metadata =
        protocol_name_.empty() ? nullptr : member.metadata_for(protocol_name_);
    if (metadata == nullptr) return true;
    const Result<ConsumerSubscription> subscription = decode_subscription(*metadata);
    if (!subscription.ok()) return true;
    if (std::ranges::count(subscription.value().topics, topic) > 0) return true;
  }
  return false;
}

// A group's offsets live while it has members that want them, and after its end for as long as is configured.
std::vector<Group::TopicPartition> Group::expired_offsets(int64_t now_ms) const {
  std::vector<TopicPartition> expired;
  const bool was_used = !protocol_type_.empty();
  if (!members_.empty() &&
      (state_ != GroupState::stable || protocol_type_ != kConsumerProtocolType)) {
    return expired;
  }
  constexpr uint64_t kMsPerMinute = 60'000;
  const auto retention_ms =
      static_cast<int64_t>(settings_.offsets_retention_minutes * kMsPerMinute);
  for (const auto& [topic, partitions] : offsets_.topics()) {
    if (!members_.empty() && is_subscribed_to(topic)) continue;
    for (const auto& [partition, committed] : partitions) {
      int64_t since_ms = committed.commit_timestamp_ms;
      if (members_.empty() && was_used) since_ms = std::max(since_ms, state_timestamp_ms_);
      const int64_t end_ms = committed.expire_timestamp_ms >= 0 ? committed.expire_timestamp_ms
                                                                : since_ms + retention_ms;
      if (end_ms <= now_ms) expired.push_back({topic, partition});
    }
  }
  return expired;
}

GroupDescription Group::describe() const {
  GroupDescription description;
  description.state = name_of(state_);
  description.protocol_type = protocol_type_;
  // Between generations nobody can say who has what.
  const bool stable = state_ == GroupState::stable;
  if (stable) description.protocol_name = protocol_name_;
  for (const auto& [id, member] : members_) {
    GroupDescription::Member one{id, member.instance_id, member.client_id, member.client_host, {},
                                 {}};
    const std::vector<std::byte>* metadata = member.metadata_for(protocol_name_);
    if (stable && metadata != nullptr) one.metadata = *metadata;
    if (stable) one.assignment = member.assignment;
    description.members.push_back(std::move(one));
  }
  return description;
}

bool Group::is_unused() const {
  return state_ == GroupState::empty && given_ids_.empty() && offsets_.empty();
}

void Group::kill() {
  check(members_.empty());
  state_ = GroupState::dead;
}

void Group::revive() {
  check(state_ == GroupState::dead);
  state_ = GroupState::empty;
}

void Group::restore(const GroupMetadataValue& value) {
  check(members_.empty());
  protocol_type_ = value.protocol_type;
  protocol_name_ = value.protocol.value_or("");
  leader_id_ = value.leader.value_or("");
  generation_ = value.generation;
  generation_step_ = kGenerationsUnstoredMax;
  state_timestamp_ms_ = value.current_state_timestamp_ms;
  stored_ = true;
  for (const GroupMetadataValue::Member& stored : value.members) {
    JoinWish wish;
    wish.identity = {stored.member_id, stored.group_instance_id};
    wish.client_id = stored.client_id;
    wish.client_host = stored.client_host;
    wish.session_timeout_ms = std::max(stored.session_timeout_ms, 0);
    wish.rebalance_timeout_ms =
        stored.rebalance_timeout_ms < 0 ? stored.session_timeout_ms : stored.rebalance_timeout_ms;
    wish.protocol_type = value.protocol_type;
    wish.protocols.push_back({protocol_name_, bytes_of(stored.subscription)});
    if (members_.contains(stored.member_id)) continue;
    GroupMember& member = add_member(wish, std::string(stored.member_id));
    set_assignment(member, bytes_of(stored.assignment));
    member.is_new = false;
    touch(member);
  }
  state_ = members_.empty() ? GroupState::empty : GroupState::stable;
}

}  // namespace penstock::kafka
