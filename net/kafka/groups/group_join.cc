// How members join, and how static ones come back.
#include <utility>

#include "net/kafka/groups/group.h"

namespace penstock::kafka {
namespace {

// A member that has never been heard of again after it joined.
constexpr uint64_t kNewMemberPatienceNs = 300'000'000'000;

}  // namespace

void Group::join(const JoinWish& wish, std::string new_member_id, ParkedJoin& parked) {
  const std::string_view member_id = wish.identity.member_id;
  if (state_ == GroupState::dead) {
    return refuse(parked, KafkaError::coordinator_not_available, member_id);
  }
  if (!has_room_for(wish.identity)) {
    return refuse(parked, KafkaError::group_max_size_reached, member_id);
  }
  if (!can_work_with(wish)) {
    return refuse(parked, KafkaError::inconsistent_group_protocol, member_id);
  }
  if (member_id.empty()) {
    join_new(wish, std::move(new_member_id), parked);
  } else {
    join_known(wish, parked);
  }
}

void Group::join_new(const JoinWish& wish, std::string new_member_id, ParkedJoin& parked) {
  if (wish.identity.instance_id) {
    if (static_members_.contains(*wish.identity.instance_id)) {
      return replace_static_member(wish, std::move(new_member_id), parked);
    }
  } else if (wish.id_required) {
    refuse(parked, KafkaError::member_id_required, new_member_id);
    return give_id(std::move(new_member_id), wish.session_timeout_ms);
  }
  begin_membership(wish, std::move(new_member_id), parked);
}

void Group::begin_membership(const JoinWish& wish, std::string member_id, ParkedJoin& parked) {
  GroupMember& member = add_member(wish, std::move(member_id));
  member.session_deadline_ns = clock_.monotonic_ns() + kNewMemberPatienceNs;
  park(member, parked);
  rebalance();
}

void Group::join_known(const JoinWish& wish, ParkedJoin& parked) {
  const std::string_view member_id = wish.identity.member_id;
  if (!wish.identity.instance_id && given_ids_.contains(member_id)) {
    return begin_membership(wish, std::string(member_id), parked);
  }
  const KafkaError unknown = check_identity(wish.identity);
  if (unknown != KafkaError::none) return refuse(parked, unknown, member_id);
  GroupMember& member = member_of(wish.identity);
  const bool same = member.protocols == wish.protocols;
  const bool leads = leader_id_ == member.id;
  // One that lost its answer hears it again. A leader that asks in a stable group wants a rebalance: it saw a change.
  const bool again = same && (state_ == GroupState::completing_rebalance ||
                              (state_ == GroupState::stable && !leads));
  if (again) {
    touch(member);
    return answer(parked, generation_answer(member, leads));
  }
  update_member(member, wish);
  park(member, parked);
  rebalance();
}

// A static member that restarts has lost its member id, and keeps its place and its assignment.
void Group::replace_static_member(const JoinWish& wish, std::string new_member_id,
                                  ParkedJoin& parked) {
  std::string& member_id = static_members_.find(*wish.identity.instance_id)->second;
  const std::string old_member_id = std::exchange(member_id, new_member_id);
  auto node = members_.extract(old_member_id);
  memory_bytes_ -= node.mapped().memory_bytes();
  node.key() = new_member_id;
  node.mapped().id = std::move(new_member_id);
  memory_bytes_ += node.mapped().memory_bytes();
  GroupMember& member = members_.insert(std::move(node)).position->second;

  if (member.parked_join != nullptr) {
    refuse(*std::exchange(member.parked_join, nullptr), KafkaError::fenced_instance_id,
           old_member_id);
  }
  if (member.parked_sync != nullptr) {
    refuse(*std::exchange(member.parked_sync, nullptr), KafkaError::fenced_instance_id);
  }
  const bool leads = leader_id_ == old_member_id;
  if (leads) leader_id_ = member.id;
  update_member(member, wish);
  touch(member);
  if (state_ != GroupState::stable || choose_protocol() != protocol_name_) {
    park(member, parked);
    return rebalance();
  }
  // A leader that does not know how to skip its assignment is told that another one leads: its old self.
  const bool skips = leads && wish.may_skip_assignment;
  JoinAnswer answer = generation_answer(member, skips);
  answer.skip_assignment = skips;
  if (leads && !skips) answer.leader_id = old_member_id;
  member.answer_when_stored = std::move(answer);
  member.parked_join = &parked;
  want_store(Store::Reason::static_member, member.id);
}

void Group::park(GroupMember& member, ParkedJoin& parked) {
  if (member.parked_join != nullptr) {
    refuse(*member.parked_join, KafkaError::rebalance_in_progress, member.id);
  }
  member.answer_when_stored.reset();
  member.parked_join = &parked;
  if (!member.awaiting_join) ++awaiting_join_count_;
  member.awaiting_join = true;
}

void Group::abandon(ParkedJoin& parked) {
  for (auto& [id, member] : members_) {
    if (member.parked_join != &parked) continue;
    member.parked_join = nullptr;
    touch(member);
  }
  if (!parked.answer) refuse(parked, KafkaError::request_timed_out, {});
}

void Group::abandon(ParkedSync& parked) {
  for (auto& [id, member] : members_) {
    if (member.parked_sync != &parked) continue;
    member.parked_sync = nullptr;
    touch(member);
  }
  if (!parked.answer) refuse(parked, KafkaError::request_timed_out);
}

void Group::abandon_all() {
  for (auto& [id, member] : members_) {
    if (member.parked_join != nullptr) {
      refuse(*std::exchange(member.parked_join, nullptr), KafkaError::not_coordinator, id);
    }
    if (member.parked_sync != nullptr) {
      refuse(*std::exchange(member.parked_sync, nullptr), KafkaError::not_coordinator);
    }
  }
}

void Group::refuse(ParkedJoin& parked, KafkaError error, std::string_view member_id) {
  JoinAnswer refusal;
  refusal.error = error;
  refusal.member_id = member_id;
  answer(parked, std::move(refusal));
}

void Group::refuse(ParkedSync& parked, KafkaError error) {
  SyncAnswer refusal;
  refusal.error = error;
  answer(parked, std::move(refusal));
}

void Group::answer(ParkedJoin& parked, JoinAnswer answer) {
  parked.answer = std::move(answer);
  woken_.push_back(&parked.answered);
}

void Group::answer(ParkedSync& parked, SyncAnswer answer) {
  parked.answer = std::move(answer);
  woken_.push_back(&parked.answered);
}

JoinAnswer Group::generation_answer(const GroupMember& member, bool with_members) const {
  JoinAnswer answer;
  answer.generation = generation_;
  answer.protocol_type = protocol_type_;
  answer.protocol_name = protocol_name_;
  answer.leader_id = leader_id_;
  answer.member_id = member.id;
  if (!with_members) return answer;
  for (const auto& [id, one] : members_) {
    const std::vector<std::byte>* metadata = one.metadata_for(protocol_name_);
    answer.members.push_back(
        {id, one.instance_id, metadata ? *metadata : std::vector<std::byte>()});
  }
  return answer;
}

}  // namespace penstock::kafka
