// Who is in the group, and what members may do.
#include "net/kafka/groups/consumer_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/kafka/groups/topic_pattern.h"

namespace penstock::kafka {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

}  // namespace

ConsumerGroup::ConsumerGroup(std::string id, Clock& clock, const GroupSettings& settings)
    : id_(std::move(id)), clock_(clock), settings_(settings) {}

ConsumerGroup::ConsumerGroup(std::string id, Clock& clock, const GroupSettings& settings,
                             ConsumerGroupState state)
    : ConsumerGroup(std::move(id), clock, settings) {
  state_ = std::move(state);
  for (auto& [member_id, member] : state_.members) {
    if (member.instance_id) static_members_[*member.instance_id] = member_id;
    count_subscription(member, true);
    hold_all_of(member, true);
    touch(member);
    if (member.state == ConsumerMemberState::unrevoked_partitions) expect_revocation(member);
  }
  std::erase_if(state_.patterns,
                [this](const auto& entry) { return !pattern_users_.contains(entry.first); });
}

const char* ConsumerGroup::state_name() const {
  if (state_.members.empty()) return "Empty";
  if (state_.epoch > state_.target_epoch) return "Assigning";
  return is_stable() ? "Stable" : "Reconciling";
}

bool ConsumerGroup::is_stable() const {
  if (state_.epoch > state_.target_epoch) return false;
  return std::ranges::all_of(state_.members, [this](const auto& entry) {
    return entry.second.state == ConsumerMemberState::stable &&
           entry.second.epoch == state_.target_epoch;
  });
}

size_t ConsumerGroup::memory_bytes() const {
  constexpr size_t kNameBytes = 96;
  size_t bytes = sizeof(ConsumerGroup) + 2 * id_.size() + state_.memory_bytes();
  for (const RecordName& unstored : unstored_) bytes += kNameBytes + unstored.name.size();
  return bytes;
}

ConsumerGroup::Admission ConsumerGroup::refuse(KafkaError error, std::string message) {
  return {nullptr, error, std::move(message), false};
}

// What is wrong with a heartbeat, whoever sends it.
ConsumerGroup::Admission ConsumerGroup::check_wish(const ConsumerHeartbeat& heartbeat) const {
  if (heartbeat.assignor) {
    const std::optional<Assignor> known = assignor_named(*heartbeat.assignor);
    if (!known || std::ranges::count(settings_.consumer_assignors, *known) == 0) {
      return refuse(KafkaError::unsupported_assignor,
                    fmt::format("This node has no assignor {}.", *heartbeat.assignor));
    }
  }
  if (heartbeat.pattern && !heartbeat.pattern->empty() &&
      !state_.patterns.contains(*heartbeat.pattern) &&
      !TopicPattern(*heartbeat.pattern).is_valid()) {
    return refuse(KafkaError::invalid_regular_expression,
                  "SubscribedTopicRegex is no regular expression in RE2's syntax.");
  }
  return {};
}

ConsumerHeartbeatAnswer ConsumerGroup::heartbeat(const ConsumerHeartbeat& heartbeat,
                                                 const CatalogView& catalog) {
  if (heartbeat.epoch < 0) return leave(heartbeat);
  Admission admission = check_wish(heartbeat);
  if (admission.error == KafkaError::none) {
    admission = heartbeat.epoch == ConsumerHeartbeat::kJoin ? admit_join(heartbeat)
                                                            : admit_known(heartbeat);
  }
  if (admission.error != KafkaError::none) {
    ConsumerHeartbeatAnswer refusal;
    refusal.error = admission.error;
    refusal.message = std::move(admission.message);
    return refusal;
  }
  ConsumerMember& member = *admission.member;
  bool changed = update_member(member, heartbeat) || admission.is_new;
  if (!are_topics_current(catalog, member.pattern)) {
    changed = refresh_topics(catalog, member.pattern) || changed;
  }
  if (changed) begin_epoch();
  if (state_.epoch > state_.target_epoch) compute_targets();
  reconcile(member, heartbeat);
  touch(member);
  return answer_to(heartbeat, member);
}

ConsumerHeartbeatAnswer ConsumerGroup::answer_to(const ConsumerHeartbeat& heartbeat,
                                                 ConsumerMember& member) {
  ConsumerHeartbeatAnswer answer;
  answer.member_id = member.id;
  answer.epoch = member.epoch;
  answer.interval_ms = settings_.consumer_heartbeat_interval_ms;
  // One that comes with the epoch before, or reads something else, may not have heard the answer that told it.
  const bool reads_else = heartbeat.owned && *heartbeat.owned != member.assigned;
  if (!member.told || heartbeat.is_full() || heartbeat.epoch != member.epoch || reads_else) {
    answer.assignment = member.assigned;
  }
  member.told = true;
  return answer;
}

void ConsumerGroup::touch(ConsumerMember& member) const {
  member.session_deadline_ns =
      clock_.monotonic_ns() +
      static_cast<uint64_t>(settings_.consumer_session_timeout_ms) * kNsPerMs;
}

void ConsumerGroup::expect_revocation(ConsumerMember& member) const {
  const auto patience_ms = static_cast<uint64_t>(std::max(member.rebalance_timeout_ms, 0));
  member.revocation_deadline_ns = clock_.monotonic_ns() + patience_ms * kNsPerMs;
}

ConsumerGroup::Admission ConsumerGroup::admit_join(const ConsumerHeartbeat& heartbeat) {
  const auto known = state_.members.find(heartbeat.member_id);
  if (known != state_.members.end()) return rejoin(known->second, heartbeat);
  if (heartbeat.instance_id) {
    const auto instance = static_members_.find(*heartbeat.instance_id);
    if (instance != static_members_.end()) {
      const std::string old_id = instance->second;
      if (state_.members.find(old_id)->second.epoch != ConsumerHeartbeat::kLeaveForNow) {
        return refuse(KafkaError::unreleased_instance_id,
                      fmt::format("The instance is member {}.", old_id));
      }
      return {&replace_member(old_id, heartbeat.member_id), KafkaError::none, {}, false};
    }
  }
  if (state_.members.size() >= settings_.consumer_members_max) {
    return refuse(
        KafkaError::group_max_size_reached,
        fmt::format("The group has {} members, which is all it may have.", state_.members.size()));
  }
  ConsumerMember& member = add_member(heartbeat.member_id);
  if (heartbeat.instance_id) {
    member.instance_id = std::string(*heartbeat.instance_id);
    static_members_[*member.instance_id] = member.id;
  }
  return {&member, KafkaError::none, {}, true};
}

// It has lost what it had: after it was fenced, or after its first answer was lost.
ConsumerGroup::Admission ConsumerGroup::rejoin(ConsumerMember& member,
                                               const ConsumerHeartbeat& heartbeat) {
  if (heartbeat.instance_id && heartbeat.instance_id != member.instance_id) {
    return refuse(KafkaError::fenced_instance_id, "The member is another instance.");
  }
  hold_all_of(member, false);
  member.assigned.clear();
  member.pending_revocation.clear();
  member.state = ConsumerMemberState::stable;
  member.epoch = member.previous_epoch = 0;
  member.revocation_deadline_ns = 0;
  member.told = false;
  return {&member, KafkaError::none, {}, false};
}

ConsumerGroup::Admission ConsumerGroup::find_member(const ConsumerHeartbeat& heartbeat) {
  if (heartbeat.instance_id) {
    const auto instance = static_members_.find(*heartbeat.instance_id);
    if (instance == static_members_.end()) {
      return refuse(KafkaError::unknown_member_id, "The group has no such instance.");
    }
    if (instance->second != heartbeat.member_id) {
      return refuse(KafkaError::fenced_instance_id, "The instance is another member by now.");
    }
  }
  const auto found = state_.members.find(heartbeat.member_id);
  if (found == state_.members.end()) {
    return refuse(KafkaError::unknown_member_id, "The group has no such member.");
  }
  return {&found->second, KafkaError::none, {}, false};
}

ConsumerGroup::Admission ConsumerGroup::admit_known(const ConsumerHeartbeat& heartbeat) {
  Admission found = find_member(heartbeat);
  if (found.error != KafkaError::none) return found;
  const ConsumerMember& member = *found.member;
  if (!heartbeat.may_grow && resubscribes(member, heartbeat)) {
    return refuse(KafkaError::coordinator_not_available, "The groups' memory is used up.");
  }
  if (heartbeat.epoch == member.epoch) return found;
  // The answer that told of the new epoch may have been lost.
  const bool missed_one = heartbeat.epoch < member.epoch &&
                          heartbeat.epoch == member.previous_epoch && heartbeat.owned &&
                          includes(member.assigned, *heartbeat.owned);
  if (missed_one) return found;
  return refuse(KafkaError::fenced_member_epoch,
                fmt::format("The member's epoch is {}, not {}: it must give up all its partitions "
                            "and join again.",
                            member.epoch, heartbeat.epoch));
}

bool ConsumerGroup::resubscribes(const ConsumerMember& member, const ConsumerHeartbeat& heartbeat) {
  if (heartbeat.pattern && *heartbeat.pattern != member.pattern) return true;
  if (!heartbeat.topics) return false;
  std::vector<std::string_view> topics = *heartbeat.topics;
  std::ranges::sort(topics);
  const auto rest = std::ranges::unique(topics);
  topics.erase(rest.begin(), rest.end());
  return !std::ranges::equal(topics, member.topics);
}

ConsumerMember& ConsumerGroup::add_member(std::string_view member_id) {
  ConsumerMember& member = state_.members[std::string(member_id)];
  member.id = member_id;
  want_store_of(member.id);
  return member;
}

// A static member is back under another id, and has what it had.
ConsumerMember& ConsumerGroup::replace_member(std::string_view old_id, std::string_view new_id) {
  const auto at = state_.members.find(old_id);
  ConsumerMember replaced = std::move(at->second);
  want_store_of(replaced.id);
  state_.members.erase(at);
  ConsumerMember& member = add_member(new_id);
  const std::string id = member.id;
  member = std::move(replaced);
  member.id = id;
  member.epoch = member.previous_epoch = 0;
  member.state = ConsumerMemberState::stable;
  member.told = false;
  static_members_[*member.instance_id] = id;
  return member;
}

void ConsumerGroup::remove_member(Members::iterator at) {
  const ConsumerMember& member = at->second;
  if (member.instance_id) static_members_.erase(*member.instance_id);
  count_subscription(member, false);
  hold_all_of(member, false);
  want_store_of(member.id);
  state_.members.erase(at);
}

ConsumerHeartbeatAnswer ConsumerGroup::leave(const ConsumerHeartbeat& heartbeat) {
  ConsumerHeartbeatAnswer answer;
  answer.member_id = heartbeat.member_id;
  answer.epoch = heartbeat.epoch;
  Admission found = find_member(heartbeat);
  if (found.error != KafkaError::none) {
    answer.error = found.error;
    answer.message = std::move(found.message);
    return answer;
  }
  if (heartbeat.epoch == ConsumerHeartbeat::kLeave) {
    remove_member(state_.members.find(heartbeat.member_id));
    members_left();
  } else if (found.member->instance_id) {
    leave_for_now(*found.member);
  } else {
    answer.error = KafkaError::unknown_member_id;
    answer.message = "The member is no static one.";
  }
  return answer;
}

void ConsumerGroup::leave_for_now(ConsumerMember& member) {
  hold(member.pending_revocation, false);
  member.pending_revocation.clear();
  member.epoch = ConsumerHeartbeat::kLeaveForNow;
  member.previous_epoch = ConsumerHeartbeat::kLeaveForNow;
  member.state = ConsumerMemberState::stable;
  member.revocation_deadline_ns = 0;
  want_store(ConsumerRecordKind::current, member.id);
}

KafkaError ConsumerGroup::remove_instance(std::string_view instance_id) {
  const auto found = static_members_.find(instance_id);
  if (found == static_members_.end()) return KafkaError::unknown_member_id;
  remove_member(state_.members.find(found->second));
  members_left();
  return KafkaError::none;
}

bool ConsumerGroup::update_member(ConsumerMember& member, const ConsumerHeartbeat& heartbeat) {
  bool changed = false;
  const auto set = [&changed](auto& field, const auto& told) {
    if (field == told) return;
    field = told;
    changed = true;
  };
  set(member.client_id, heartbeat.client_id);
  set(member.client_host, heartbeat.client_host);
  if (heartbeat.rack_id) set(member.rack_id, std::string(*heartbeat.rack_id));
  if (heartbeat.assignor) set(member.assignor, std::string(*heartbeat.assignor));
  if (heartbeat.rebalance_timeout_ms != -1) {
    set(member.rebalance_timeout_ms, heartbeat.rebalance_timeout_ms);
  }
  const bool resubscribed = resubscribes(member, heartbeat);
  if (resubscribed) {
    count_subscription(member, false);
    if (heartbeat.pattern) member.pattern = std::string(*heartbeat.pattern);
    if (heartbeat.topics) {
      member.topics.assign(heartbeat.topics->begin(), heartbeat.topics->end());
      std::ranges::sort(member.topics);
      const auto rest = std::ranges::unique(member.topics);
      member.topics.erase(rest.begin(), rest.end());
    }
    count_subscription(member, true);
  }
  if (changed || resubscribed) want_store(ConsumerRecordKind::member, member.id);
  return resubscribed;
}

KafkaError ConsumerGroup::admit_commit(std::string_view member_id, int32_t epoch) const {
  if (epoch < 0 && state_.members.empty()) return KafkaError::none;  // a consumer without a group
  const auto found = state_.members.find(member_id);
  if (found == state_.members.end()) return KafkaError::unknown_member_id;
  return found->second.epoch == epoch ? KafkaError::none : KafkaError::stale_member_epoch;
}

KafkaError ConsumerGroup::admit_fetch(const std::optional<std::string_view>& member_id,
                                      int32_t epoch) const {
  if (!member_id && epoch < 0) return KafkaError::none;
  const auto found = state_.members.find(member_id.value_or(""));
  if (found == state_.members.end()) return KafkaError::unknown_member_id;
  return found->second.epoch == epoch ? KafkaError::none : KafkaError::stale_member_epoch;
}

void ConsumerGroup::advance() {
  const uint64_t now_ns = clock_.monotonic_ns();
  const size_t count = state_.members.size();
  for (auto at = state_.members.begin(); at != state_.members.end();) {
    const auto member = at++;
    const uint64_t owes_until_ns = member->second.revocation_deadline_ns;
    const bool owes_too_long = owes_until_ns != 0 && owes_until_ns <= now_ns;
    if (owes_too_long || member->second.session_deadline_ns <= now_ns) remove_member(member);
  }
  if (state_.members.size() != count) members_left();
}

uint64_t ConsumerGroup::next_deadline_ns() const {
  uint64_t next_ns = kNoDeadline;
  for (const auto& [id, member] : state_.members) {
    next_ns = std::min(next_ns, member.session_deadline_ns);
    if (member.revocation_deadline_ns != 0) {
      next_ns = std::min(next_ns, member.revocation_deadline_ns);
    }
  }
  return next_ns;
}

ConsumerGroupDescription ConsumerGroup::describe(const CatalogView& catalog) const {
  ConsumerGroupDescription description;
  description.state = state_name();
  description.epoch = state_.epoch;
  description.target_epoch = state_.target_epoch;
  description.assignor = name_of(chosen_assignor());
  const auto named = [&catalog](const PartitionSet& partitions) {
    std::vector<ConsumerGroupDescription::Partitions> result;
    for (const auto& [id, some] : partitions) {
      const Topic* topic = catalog.find(id);
      if (topic != nullptr) result.push_back({id, topic->name, some});
    }
    return result;
  };
  for (const auto& [id, member] : state_.members) {
    description.members.push_back({member, named(member.assigned), named(member.target)});
  }
  return description;
}

}  // namespace penstock::kafka
