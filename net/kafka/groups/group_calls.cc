// What is asked of groups: the way to the group's reactor, and what is done there.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/kafka/groups/group_coordinator_parts.h"
#include "net/kafka/groups/group_partition.h"
#include "net/kafka/internal_topics.h"

namespace penstock::kafka {
namespace {

std::string_view utf8_prefix(std::string_view text, size_t size_bytes_max) {
  if (text.size() <= size_bytes_max) return text;
  const auto continues = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; };
  while (size_bytes_max > 0 && continues(text[size_bytes_max])) --size_bytes_max;
  return text.substr(0, size_bytes_max);
}

template <class Answer>
Task<void> keep_answer(Task<Answer> work, std::optional<Answer>& answer, WaitQueue& waiting) {
  answer = co_await work;
  waiting.wake_all();
}

}  // namespace

Task<Result<void>> GroupCoordinator::ensure_offsets_topic() {
  if (engine_.catalog().find(kOffsetsTopic) != nullptr) co_return Result<void>();
  TopicSpec spec;
  spec.name = std::string(kOffsetsTopic);
  spec.partition_count = settings_.offsets_partition_count;
  // Only what was written anew is dropped, whatever the node's other topics keep.
  spec.config_entries = {{"cleanup.policy", "compact"},
                         {"max.message.bytes", fmt::format("{}", kMaxMessageBytesLimit)},
                         {"penstock.durability", "flushed"},
                         {"segment.bytes", "104857600"}};
  const auto created = co_await engine_.create_topic(std::move(spec));
  // Another client's request of the same moment may have made it.
  if (engine_.catalog().find(kOffsetsTopic) != nullptr) co_return Result<void>();
  co_return created.ok() ? Error::closed : created.error();
}

// Error::not_found: there is no topic yet.
Result<GroupCoordinator::Place> GroupCoordinator::place_of(std::string_view group_id) const {
  const Topic* topic = engine_.catalog().find(kOffsetsTopic);
  if (topic == nullptr) return Error::not_found;
  Place place;
  place.partition = {topic->id, partition_of_group(group_id, topic->partition_count)};
  place.reactor = engine_.owner_of(place.partition);
  place.owner = all_.coordinators_[place.reactor];
  return place;
}

Task<Result<GroupCoordinator::Place>> GroupCoordinator::find_place(std::string_view group_id) {
  if (stopping_) co_return Error::closed;
  const Result<void> topic = co_await ensure_offsets_topic();
  if (!topic.ok()) co_return topic.error();
  co_return place_of(group_id);
}

// Asks by `work(coordinator, partition, parked)` on the group's reactor, and gives up there if the client leaves.
template <class Answer, class Work>
Task<Answer> GroupCoordinator::wait_for(std::string_view group_id, Engine::WaitCancel& client_gone,
                                        Work work) {
  const Result<Place> place = co_await find_place(group_id);
  std::optional<Answer> answer;
  if (!place.ok()) {
    answer.emplace().error = coordinator_error_of(place.error());
    co_return std::move(*answer);
  }
  Scheduler& scheduler = engine_.doors().scheduler;
  GroupCoordinator* const there = place.value().owner;
  const PartitionKey partition = place.value().partition;
  Parked<Answer> parked;
  Parked<Answer>* const waiting = &parked;
  TaskGroup running;
  running.spawn(keep_answer(
      call_on(scheduler, place.value().reactor,
              [there, partition, waiting, work] { return work(*there, partition, *waiting); }),
      answer, client_gone.waiting));
  while (!answer && !client_gone.cancelled) co_await client_gone.waiting.wait();
  if (!answer) {
    co_await call_on(scheduler, place.value().reactor, [there, group_id, waiting] {
      return there->abandon_here(group_id, *waiting);
    });
  }
  co_await running.wait_empty();
  co_await scheduler.yield();  // the work may still be on the stack
  co_return std::move(*answer);
}

Task<JoinAnswer> GroupCoordinator::join(std::string_view group_id, const JoinWish& wish,
                                        Engine::WaitCancel& client_gone) {
  const JoinWish* const asked = &wish;
  return wait_for<JoinAnswer>(
      group_id, client_gone,
      [group_id, asked](GroupCoordinator& there, PartitionKey partition, ParkedJoin& parked) {
        return there.join_here(partition, group_id, *asked, parked);
      });
}

Task<SyncAnswer> GroupCoordinator::sync(std::string_view group_id, const SyncWish& wish,
                                        Engine::WaitCancel& client_gone) {
  const SyncWish* const asked = &wish;
  return wait_for<SyncAnswer>(
      group_id, client_gone,
      [group_id, asked](GroupCoordinator& there, PartitionKey partition, ParkedSync& parked) {
        return there.sync_here(partition, group_id, *asked, parked);
      });
}

// "<client id>-<uuid>", or the instance's name before it; cut where it is no name any more.
std::string GroupCoordinator::new_member_id(const JoinWish& wish) {
  constexpr size_t kNameBytesMax = 255;
  const std::string_view name = wish.identity.instance_id.value_or(wish.client_id);
  return fmt::format("{}-{}", utf8_prefix(name, kNameBytesMax), new_member_id());
}

std::string GroupCoordinator::new_member_id() {
  Random& random = engine_.doors().random;
  const uint64_t high = random.next();
  const uint64_t low = random.next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF,
                     high & 0xFFF, 0x8000 | (low >> 48 & 0x3FFF), low & 0xFFFFFFFFFFFF);
}

Task<JoinAnswer> GroupCoordinator::join_here(PartitionKey partition, std::string_view group_id,
                                             const JoinWish& wish, ParkedJoin& parked) {
  JoinAnswer refusal;
  refusal.member_id = wish.identity.member_id;
  refusal.error = co_await make_ready(partition);
  if (refusal.error != KafkaError::none) co_return refusal;
  if (parked.answer) co_return *parked.answer;  // given up before it began
  EntryPointer entry = find(group_id);
  if (!entry) {
    if (!wish.identity.member_id.empty()) refusal.error = KafkaError::unknown_member_id;
    if (is_full()) refusal.error = KafkaError::coordinator_not_available;
    if (refusal.error != KafkaError::none) co_return refusal;
    entry = make_entry(partition, std::make_unique<Group>(std::string(group_id),
                                                          engine_.doors().clock, settings_));
  } else {
    if (is_full()) refusal.error = KafkaError::coordinator_not_available;
    const bool consumers = entry->consumer && entry->consumer->has_members();
    if (consumers) refusal.error = KafkaError::inconsistent_group_protocol;
    if (refusal.error != KafkaError::none) co_return refusal;
    if (entry->consumer) become_classic_group(entry);
  }
  entry->group->join(wish, new_member_id(wish), parked);
  settle(entry);
  while (!parked.answer) co_await parked.answered.wait();
  co_return std::move(*parked.answer);
}

Task<SyncAnswer> GroupCoordinator::sync_here(PartitionKey partition, std::string_view group_id,
                                             const SyncWish& wish, ParkedSync& parked) {
  SyncAnswer refusal;
  refusal.error = co_await make_ready(partition);
  if (refusal.error != KafkaError::none) co_return refusal;
  if (parked.answer) co_return *parked.answer;
  const EntryPointer entry = find(group_id);
  refusal.error = KafkaError::unknown_member_id;
  if (!entry) co_return refusal;
  entry->group->sync(wish, parked);
  settle(entry);
  while (!parked.answer) co_await parked.answered.wait();
  co_return std::move(*parked.answer);
}

template <class Answer>
Task<void> GroupCoordinator::abandon_here(std::string_view group_id, Parked<Answer>& parked) {
  if (const EntryPointer entry = find(group_id)) {
    entry->group->abandon(parked);
    settle(entry);
  } else if (!parked.answer) {
    parked.answer.emplace().error = KafkaError::request_timed_out;
  }
  co_return;
}

Task<KafkaError> GroupCoordinator::heartbeat(std::string_view group_id, MemberIdentity identity,
                                             int32_t generation) {
  return on_owner<KafkaError>(
      group_id, [group_id, identity, generation](GroupCoordinator& there, PartitionKey partition) {
        return there.heartbeat_here(partition, group_id, identity, generation);
      });
}

Task<KafkaError> GroupCoordinator::heartbeat_here(PartitionKey partition, std::string_view group_id,
                                                  MemberIdentity identity, int32_t generation) {
  const KafkaError ready = co_await make_ready(partition);
  if (ready != KafkaError::none) co_return ready;
  const EntryPointer entry = find(group_id);
  if (!entry) co_return KafkaError::unknown_member_id;
  co_return entry->group->heartbeat(identity, generation);
}

Task<GroupCoordinator::LeaveAnswer> GroupCoordinator::leave(
    std::string_view group_id, const std::vector<MemberIdentity>& members) {
  const std::vector<MemberIdentity>* const asked = &members;
  return on_owner<LeaveAnswer>(group_id,
                               [group_id, asked](GroupCoordinator& there, PartitionKey partition) {
                                 return there.leave_here(partition, group_id, *asked);
                               });
}

Task<GroupCoordinator::LeaveAnswer> GroupCoordinator::leave_here(
    PartitionKey partition, std::string_view group_id, const std::vector<MemberIdentity>& members) {
  LeaveAnswer answer;
  answer.error = co_await make_ready(partition);
  if (answer.error != KafkaError::none) co_return answer;
  const EntryPointer entry = find(group_id);
  for (const MemberIdentity& member : members) {
    KafkaError error = KafkaError::unknown_member_id;
    if (entry && !entry->consumer) {
      error = entry->group->leave(member);
    } else if (entry && member.member_id.empty() && member.instance_id) {
      error = entry->consumer->remove_instance(*member.instance_id);
    }
    answer.members.push_back(error);
  }
  if (entry && entry->consumer) answer.error = co_await store_consumer(entry);
  if (entry) settle(entry);
  co_return answer;
}

Task<GroupCoordinator::ListAnswer> GroupCoordinator::list() {
  ListAnswer answer;
  for (uint32_t reactor = 0; reactor < all_.reactor_count(); ++reactor) {
    GroupCoordinator* const there = all_.coordinators_[reactor];
    ListAnswer part = co_await call_on(engine_.doors().scheduler, reactor,
                                       [there] { return there->list_here(); });
    if (part.error != KafkaError::none) answer.error = part.error;
    std::ranges::move(part.groups, std::back_inserter(answer.groups));
  }
  co_return answer;
}

Task<GroupCoordinator::ListAnswer> GroupCoordinator::list_here() {
  ListAnswer answer;
  for (const auto& [partition, state] : partitions_) {
    if (state == PartitionState::loading) answer.error = KafkaError::coordinator_load_in_progress;
  }
  for (const auto& [id, entry] : groups_) {
    if (entry->consumer) {
      answer.groups.push_back({id, "consumer", entry->consumer->state_name(), "consumer"});
    } else {
      answer.groups.push_back(
          {id, entry->group->protocol_type(), name_of(entry->group->state()), "classic"});
    }
  }
  co_return answer;
}

Task<GroupDescription> GroupCoordinator::describe(std::string_view group_id) {
  return on_owner<GroupDescription>(group_id,
                                    [group_id](GroupCoordinator& there, PartitionKey partition) {
                                      return there.describe_here(partition, group_id);
                                    });
}

// Kafka's answer for a group that does not exist is one that is dead, for one of the consumer protocol too.
Task<GroupDescription> GroupCoordinator::describe_here(PartitionKey partition,
                                                       std::string_view group_id) {
  GroupDescription description;
  description.error = co_await make_ready(partition);
  if (description.error != KafkaError::none) co_return description;
  const EntryPointer entry = find(group_id);
  if (entry && !entry->consumer) co_return entry->group->describe();
  description.state = name_of(GroupState::dead);
  co_return description;
}

Task<KafkaError> GroupCoordinator::remove(std::string_view group_id) {
  return on_owner<KafkaError>(group_id,
                              [group_id](GroupCoordinator& there, PartitionKey partition) {
                                return there.remove_here(partition, group_id);
                              });
}

Task<KafkaError> GroupCoordinator::remove_here(PartitionKey partition, std::string_view group_id) {
  const KafkaError ready = co_await make_ready(partition);
  if (ready != KafkaError::none) co_return ready;
  EntryPointer entry = find(group_id);
  if (!entry || entry->group->state() == GroupState::dead) {
    co_return KafkaError::group_id_not_found;
  }
  if (entry->group->state() != GroupState::empty || entry->has_members()) {
    co_return KafkaError::non_empty_group;
  }
  co_return co_await end_group(std::move(entry));
}

}  // namespace penstock::kafka
