// From one generation to the next.
#include <algorithm>
#include <utility>

#include "net/kafka/groups/group.h"

namespace penstock::kafka {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

}  // namespace

int32_t Group::rebalance_timeout_ms() const {
  int32_t longest_ms = 0;
  for (const auto& [id, member] : members_) {
    longest_ms = std::max(longest_ms, member.rebalance_timeout_ms);
  }
  return longest_ms;
}

// Members are to join again; those that have are not asked twice.
void Group::rebalance() {
  if (state_ == GroupState::preparing_rebalance) return complete_join_if_all_are_here();
  if (state_ == GroupState::completing_rebalance) end_syncs(KafkaError::rebalance_in_progress);
  for (auto& [id, member] : members_) member.owes_sync = false;
  sync_deadline_ns_ = kNoDeadline;
  storing_assignments_ = false;
  proposed_.clear();
  uint64_t patience_ms = static_cast<uint64_t>(rebalance_timeout_ms());
  if (state_ == GroupState::empty) {
    initial_delay_ = true;
    joined_meanwhile_ = false;
    const uint64_t delay_ms = settings_.initial_rebalance_delay_ms;
    initial_delay_left_ms_ = patience_ms - std::min(patience_ms, delay_ms);
    patience_ms = delay_ms;
  }
  join_deadline_ns_ = clock_.monotonic_ns() + patience_ms * kNsPerMs;
  state_ = GroupState::preparing_rebalance;
  complete_join_if_all_are_here();
}

void Group::complete_join_if_all_are_here() {
  if (state_ != GroupState::preparing_rebalance || initial_delay_) return;
  if (awaiting_join_count_ == members_.size() && given_ids_.empty()) complete_join();
}

// The first members of a group come one after the other: while they do, the delay begins anew.
void Group::join_time_is_up() {
  const uint64_t delay_ms =
      std::min<uint64_t>(settings_.initial_rebalance_delay_ms, initial_delay_left_ms_);
  if (initial_delay_ && joined_meanwhile_ && delay_ms > 0) {
    initial_delay_left_ms_ -= delay_ms;
    joined_meanwhile_ = false;
    join_deadline_ns_ = clock_.monotonic_ns() + delay_ms * kNsPerMs;
    return;
  }
  initial_delay_ = false;
  complete_join();
}

void Group::complete_join() {
  for (auto at = members_.begin(); at != members_.end();) {
    const auto member = at++;
    if (!member->second.awaiting_join && !member->second.is_static()) remove_member(member);
  }
  if (!members_.empty() && !elect_leader()) {
    // Only static members are left, and none is here: their sessions decide.
    join_deadline_ns_ =
        clock_.monotonic_ns() + static_cast<uint64_t>(rebalance_timeout_ms()) * kNsPerMs;
    return;
  }
  initial_delay_ = false;
  join_deadline_ns_ = kNoDeadline;
  const bool at_end = generation_ > std::numeric_limits<int32_t>::max() - generation_step_;
  generation_ = at_end ? 1 : generation_ + generation_step_;
  generation_step_ = 1;
  if (members_.empty()) {
    protocol_name_.clear();
    leader_id_.clear();
    state_ = GroupState::empty;
    want_store(Store::Reason::emptiness);
  } else {
    begin_generation();
  }
}

bool Group::elect_leader() {
  const auto leader = members_.find(leader_id_);
  if (leader != members_.end() && leader->second.awaiting_join) return true;
  const auto next =
      std::ranges::find_if(members_, [](const auto& entry) { return entry.second.awaiting_join; });
  if (next == members_.end()) return false;
  leader_id_ = next->first;
  return true;
}

// Of those that all can work with, the one most members prefer.
std::string Group::choose_protocol() const {
  std::map<std::string_view, uint32_t> votes;
  for (const auto& [id, member] : members_) {
    const auto preferred = std::ranges::find_if(member.protocols, [this](const auto& protocol) {
      return protocol_counts_.find(protocol.name)->second == members_.size();
    });
    if (preferred != member.protocols.end()) ++votes[preferred->name];
  }
  const auto most =
      std::ranges::max_element(votes, {}, [](const auto& entry) { return entry.second; });
  return most == votes.end() ? std::string() : std::string(most->first);
}

void Group::begin_generation() {
  protocol_name_ = choose_protocol();
  state_ = GroupState::completing_rebalance;
  sync_deadline_ns_ =
      clock_.monotonic_ns() + static_cast<uint64_t>(rebalance_timeout_ms()) * kNsPerMs;
  for (auto& [id, member] : members_) {
    if (!member.awaiting_join) continue;
    member.awaiting_join = false;
    member.is_new = false;
    member.owes_sync = true;
    touch(member);
    ParkedJoin* const parked = std::exchange(member.parked_join, nullptr);
    if (parked != nullptr) answer(*parked, generation_answer(member, id == leader_id_));
  }
  awaiting_join_count_ = 0;
}

void Group::sync(const SyncWish& wish, ParkedSync& parked) {
  if (state_ == GroupState::dead) return refuse(parked, KafkaError::coordinator_not_available);
  const KafkaError unknown = check_identity(wish.identity);
  if (unknown != KafkaError::none) return refuse(parked, unknown);
  if (wish.generation != generation_) return refuse(parked, KafkaError::illegal_generation);
  if (wish.protocol_type.value_or(protocol_type_) != protocol_type_ ||
      wish.protocol_name.value_or(protocol_name_) != protocol_name_) {
    return refuse(parked, KafkaError::inconsistent_group_protocol);
  }
  if (state_ == GroupState::preparing_rebalance) {
    return refuse(parked, KafkaError::rebalance_in_progress);
  }
  GroupMember& member = member_of(wish.identity);
  member.owes_sync = false;
  touch(member);
  if (state_ == GroupState::stable) return answer(parked, assignment_answer(member));
  if (member.parked_sync != nullptr) {
    refuse(*member.parked_sync, KafkaError::rebalance_in_progress);
  }
  member.parked_sync = &parked;
  if (leader_id_ != member.id || storing_assignments_) return;
  for (const SyncWish::Assignment& one : wish.assignments) {
    proposed_[std::string(one.member_id)] = one.assignment;
  }
  storing_assignments_ = true;
  want_store(Store::Reason::assignments);
}

SyncAnswer Group::assignment_answer(const GroupMember& member) const {
  SyncAnswer answer;
  answer.protocol_type = protocol_type_;
  answer.protocol_name = protocol_name_;
  answer.assignment = member.assignment;
  return answer;
}

void Group::end_syncs(KafkaError error) {
  for (auto& [id, member] : members_) {
    if (member.parked_sync == nullptr) continue;
    refuse(*std::exchange(member.parked_sync, nullptr), error);
    touch(member);
  }
}

void Group::set_assignment(GroupMember& member, std::vector<std::byte> assignment) {
  memory_bytes_ += assignment.size();
  memory_bytes_ -= member.assignment.size();
  member.assignment = std::move(assignment);
}

void Group::give_assignments() {
  for (auto& [id, member] : members_) {
    const auto proposed = proposed_.find(id);
    set_assignment(member, proposed == proposed_.end() ? std::vector<std::byte>()
                                                       : std::move(proposed->second));
    ParkedSync* const parked = std::exchange(member.parked_sync, nullptr);
    if (parked == nullptr) continue;
    answer(*parked, assignment_answer(member));
    touch(member);
  }
  proposed_.clear();
  storing_assignments_ = false;
  state_ = GroupState::stable;
}

void Group::want_store(Store::Reason reason, std::string member_id) {
  state_timestamp_ms_ = clock_.wall_ms();
  stored_ = true;
  stores_.push_back({reason, generation_, std::move(member_id), encode_record_value(metadata())});
}

void Group::stored(const Store& store, KafkaError error) {
  if (store.reason == Store::Reason::static_member) {
    const auto found = members_.find(store.member_id);
    if (found == members_.end() || !found->second.answer_when_stored) return;
    GroupMember& member = found->second;
    JoinAnswer kept = std::move(*std::exchange(member.answer_when_stored, std::nullopt));
    if (member.parked_join == nullptr) return;
    ParkedJoin& parked = *std::exchange(member.parked_join, nullptr);
    touch(member);
    if (error != KafkaError::none) return refuse(parked, error, member.id);
    return answer(parked, std::move(kept));
  }
  if (store.reason != Store::Reason::assignments || !storing_assignments_ ||
      store.generation != generation_) {
    return;
  }
  if (error == KafkaError::none) return give_assignments();
  end_syncs(error);
  rebalance();
}

GroupMetadataValue Group::metadata() const {
  GroupMetadataValue value;
  value.protocol_type = protocol_type_;
  value.generation = generation_;
  if (!members_.empty()) {
    value.protocol = protocol_name_;
    value.leader = leader_id_;
  }
  value.current_state_timestamp_ms = state_timestamp_ms_;
  for (const auto& [id, member] : members_) {
    GroupMetadataValue::Member one;
    one.member_id = id;
    if (member.instance_id) one.group_instance_id = *member.instance_id;
    one.client_id = member.client_id;
    one.client_host = member.client_host;
    one.rebalance_timeout_ms = member.rebalance_timeout_ms;
    one.session_timeout_ms = member.session_timeout_ms;
    const std::vector<std::byte>* metadata = member.metadata_for(protocol_name_);
    if (metadata != nullptr) one.subscription = Records(*metadata);
    const auto proposed = proposed_.find(id);
    if (!storing_assignments_) {
      one.assignment = Records(member.assignment);
    } else if (proposed != proposed_.end()) {
      one.assignment = Records(proposed->second);
    }
    value.members.push_back(one);
  }
  return value;
}

uint64_t Group::next_deadline_ns() const {
  uint64_t next_ns = std::min(join_deadline_ns_, sync_deadline_ns_);
  for (const auto& [id, deadline_ns] : given_ids_) next_ns = std::min(next_ns, deadline_ns);
  for (const auto& [id, member] : members_) {
    if (member.is_new || !member.is_held()) next_ns = std::min(next_ns, member.session_deadline_ns);
  }
  return next_ns;
}

void Group::advance() {
  const uint64_t now_ns = clock_.monotonic_ns();
  expire_given_ids(now_ns);
  expire_members(now_ns);
  if (sync_deadline_ns_ <= now_ns) expire_owed_syncs();
  if (join_deadline_ns_ <= now_ns) join_time_is_up();
}

void Group::expire_given_ids(uint64_t now_ns) {
  for (auto at = given_ids_.begin(); at != given_ids_.end();) {
    const auto given = at++;
    if (given->second <= now_ns) forget_given_id(std::string(given->first));
  }
  complete_join_if_all_are_here();
}

// A member is not given up while its request lies here, unless it never was part of a generation.
void Group::expire_members(uint64_t now_ns) {
  bool removed = false;
  for (auto at = members_.begin(); at != members_.end();) {
    const auto member = at++;
    if (member->second.session_deadline_ns > now_ns) continue;
    if (member->second.is_held() && !member->second.is_new) continue;
    remove_member(member);
    removed = true;
  }
  if (removed) rebalance();
}

// Those that never asked for their assignment must not keep partitions from the others.
void Group::expire_owed_syncs() {
  sync_deadline_ns_ = kNoDeadline;
  bool removed = false;
  for (auto at = members_.begin(); at != members_.end();) {
    const auto member = at++;
    if (!member->second.owes_sync) continue;
    remove_member(member);
    removed = true;
  }
  if (removed || state_ == GroupState::completing_rebalance) rebalance();
}

}  // namespace penstock::kafka
