// From what a member has to what it is to have.
#include <algorithm>
#include <utility>

#include "net/kafka/groups/consumer_group.h"

namespace penstock::kafka {
namespace {

// A member that does not say what it reads may read anything it was given.
bool may_read(const ConsumerHeartbeat& heartbeat, const PartitionSet& partitions) {
  if (heartbeat.epoch == ConsumerHeartbeat::kJoin) return false;
  return !heartbeat.owned || !in_both(*heartbeat.owned, partitions).empty();
}

}  // namespace

void ConsumerGroup::reconcile(ConsumerMember& member, const ConsumerHeartbeat& heartbeat) {
  switch (member.state) {
    case ConsumerMemberState::stable:
      if (member.epoch == state_.target_epoch) return;
      break;
    case ConsumerMemberState::unrevoked_partitions:
      if (may_read(heartbeat, member.pending_revocation)) return;
      break;
    case ConsumerMemberState::unreleased_partitions: break;
  }
  move_towards_target(member, heartbeat);
}

void ConsumerGroup::move_towards_target(ConsumerMember& member,
                                        const ConsumerHeartbeat& heartbeat) {
  const int32_t epoch = member.epoch;
  const ConsumerMemberState state = member.state;
  const PartitionSet assigned = member.assigned;
  const PartitionSet pending = member.pending_revocation;
  hold_all_of(member, false);  // what others have is what counts
  PartitionSet kept = in_both(member.assigned, member.target);
  PartitionSet owed = without(member.assigned, kept);
  member.revocation_deadline_ns = 0;
  if (!owed.empty() && may_read(heartbeat, owed)) {
    member.state = ConsumerMemberState::unrevoked_partitions;
    member.assigned = std::move(kept);
    member.pending_revocation = std::move(owed);
    expect_revocation(member);
  } else {
    take_free_ones(member, kept);
    if (member.epoch != state_.target_epoch) {
      member.previous_epoch =
          std::max(heartbeat.epoch, 0);  // the last one it is known to have heard
      member.epoch = state_.target_epoch;
    }
  }
  hold_all_of(member, true);
  if (member.assigned != assigned) member.told = false;
  if (member.epoch != epoch || member.state != state || member.assigned != assigned ||
      member.pending_revocation != pending) {
    want_store(ConsumerRecordKind::current, member.id);
  }
}

void ConsumerGroup::take_free_ones(ConsumerMember& member, const PartitionSet& kept) {
  PartitionSet taken = kept;
  bool all = true;
  for (const auto& [topic, partitions] : without(member.target, kept)) {
    std::vector<int32_t> free;
    for (const int32_t partition : partitions) {
      if (is_held(topic, partition)) {
        all = false;
      } else {
        free.push_back(partition);
      }
    }
    add_partitions(taken, topic, std::move(free));
  }
  member.assigned = std::move(taken);
  member.pending_revocation.clear();
  member.state = all ? ConsumerMemberState::stable : ConsumerMemberState::unreleased_partitions;
}

bool ConsumerGroup::is_held(const TopicId& topic, int32_t partition) const {
  const auto found = held_.find(topic);
  return found != held_.end() && found->second.contains(partition);
}

void ConsumerGroup::hold(const PartitionSet& partitions, bool held) {
  for (const auto& [topic, some] : partitions) {
    std::map<int32_t, uint32_t>& holders = held_[topic];
    for (const int32_t partition : some) {
      uint32_t& count = holders[partition];
      count += held ? 1 : -1;
      if (count == 0) holders.erase(partition);
    }
    if (holders.empty()) held_.erase(topic);
  }
}

void ConsumerGroup::hold_all_of(const ConsumerMember& member, bool held) {
  hold(member.assigned, held);
  hold(member.pending_revocation, held);
}

}  // namespace penstock::kafka
