// How groups are kept: their timers, their records, their memory, their end.
#include "net/kafka/groups/group_coordinator.h"

#include <utility>

#include "net/kafka/groups/group_coordinator_parts.h"

namespace penstock::kafka {

KafkaError coordinator_error_of(Error error) {
  switch (error) {
    case Error::closed: return KafkaError::not_coordinator;  // we are stopping: look again
    case Error::too_large:
    case Error::invalid_argument: return KafkaError::unknown_server_error;
    default: return KafkaError::coordinator_not_available;
  }
}

Task<void> GroupCoordinators::enlist(uint32_t reactor, GroupCoordinator* coordinator) {
  coordinators_[reactor] = coordinator;
  ++enlisted_count_;
  enlisting_.wake_all();
  while (enlisted_count_ < reactor_count()) co_await enlisting_.wait();
}

GroupCoordinator::GroupCoordinator(Engine& engine, GroupCoordinators& all)
    : engine_(engine), all_(all), settings_(all.settings()) {
  sweep_timer_.owner = this;
  sweep_timer_.fire = [](Timer& timer) {
    auto& coordinator = *static_cast<GroupCoordinator*>(timer.owner);
    coordinator.tasks_.spawn(coordinator.sweep());
  };
}

GroupCoordinator::~GroupCoordinator() {
  check(tasks_.live_count() == 0);
  check(!sweep_timer_.armed());
}

Task<void> GroupCoordinator::start() {
  tasks_.spawn(load_all());
  arm_sweep();
  GroupCoordinators* const all = &all_;
  GroupCoordinator* const self = this;
  const uint32_t reactor = engine_.doors().scheduler.reactor_index();
  co_await call_on(engine_.doors().scheduler, 0,
                   [all, reactor, self] { return all->enlist(reactor, self); });
}

Task<void> GroupCoordinator::stop() {
  stopping_ = true;
  engine_.doors().clock.cancel(sweep_timer_);
  const std::map<std::string, EntryPointer, std::less<>> groups = groups_;
  for (const auto& [id, entry] : groups) {
    engine_.doors().clock.cancel(entry->timer);
    entry->group->abandon_all();
    settle(entry);
  }
  co_await tasks_.wait_empty();
  co_await engine_.doors().scheduler.yield();  // the last task is still on the stack
}

namespace {

// The state of a group of the consumer protocol in the classic one's words.
GroupState state_of(const ConsumerGroup& group) {
  if (!group.has_members()) return GroupState::empty;
  return group.is_stable() ? GroupState::stable : GroupState::preparing_rebalance;
}

}  // namespace

std::vector<GroupFigures> GroupCoordinator::figures() const {
  std::vector<GroupFigures> figures;
  for (const auto& [id, entry] : groups_) {
    GroupFigures& group = figures.emplace_back();
    group.id = id;
    group.state = entry->consumer ? state_of(*entry->consumer) : entry->group->state();
    for (const auto& [topic, partitions] : entry->group->offsets().topics()) {
      GroupFigures::Topic& committed = group.topics.emplace_back();
      committed.name = topic;
      for (const auto& [partition, place] : partitions) {
        committed.offsets.emplace_back(partition, place.offset);
      }
    }
  }
  return figures;
}

GroupCoordinator::EntryPointer GroupCoordinator::find(std::string_view group_id) const {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second;
}

GroupCoordinator::EntryPointer GroupCoordinator::make_entry(PartitionKey partition,
                                                            std::unique_ptr<Group> group) {
  auto entry = std::make_shared<Entry>();
  entry->partition = partition;
  entry->group = std::move(group);
  entry->coordinator = this;
  entry->timer.owner = entry.get();
  entry->timer.fire = [](Timer& timer) {
    // Held by a copy: what is due may be the group's end.
    const EntryPointer due = static_cast<Entry*>(timer.owner)->shared_from_this();
    due->group->advance();
    if (due->consumer) due->consumer->advance();
    due->coordinator->settle(due);
  };
  groups_[entry->group->id()] = entry;
  count_memory(*entry);
  return entry;
}

// After every change of a group: its records go to the log, its answers out, its timer is set.
void GroupCoordinator::settle(const EntryPointer& entry) {
  Group& group = *entry->group;
  for (Group::Store& store_wanted : group.take_store()) {
    tasks_.spawn(store(entry, std::move(store_wanted)));
  }
  // What could not be stored is tried again with the next heartbeat.
  if (entry->consumer && entry->consumer->has_store() && !entry->consumer->is_behind()) {
    tasks_.spawn(store_consumer_later(entry));
  }
  for (WaitQueue* answered : group.take_woken()) answered->wake_all();
  if (entry->erased) return;
  count_memory(*entry);
  if (!entry->consumer && group.is_unused() && !group.is_stored() &&
      entry->appends_under_way == 0) {
    return erase(*entry);
  }
  if (!stopping_) arm(*entry);
}

void GroupCoordinator::count_memory(Entry& entry) {
  const size_t bytes = entry.memory_bytes();
  memory_bytes_ += bytes;
  memory_bytes_ -= std::exchange(entry.counted_bytes, bytes);
}

// A deadline that moved away is looked at when the old one comes: heartbeats cost no timer.
void GroupCoordinator::arm(Entry& entry) {
  Clock& clock = engine_.doors().clock;
  const uint64_t deadline_ns = entry.next_deadline_ns();
  if (entry.timer.armed()) {
    if (entry.timer.deadline_ns <= deadline_ns) return;
    clock.cancel(entry.timer);
  }
  if (deadline_ns != Group::kNoDeadline) clock.arm(entry.timer, deadline_ns);
}

void GroupCoordinator::erase(Entry& entry) {
  engine_.doors().clock.cancel(entry.timer);
  memory_bytes_ -= std::exchange(entry.counted_bytes, 0);
  entry.erased = true;
  const auto found = groups_.find(entry.group->id());
  if (found != groups_.end() && found->second.get() == &entry) groups_.erase(found);
}

bool GroupCoordinator::is_full() const { return memory_bytes_ >= settings_.memory_bytes_max; }

Task<void> GroupCoordinator::store(EntryPointer entry, Group::Store store) {
  KafkaError error = KafkaError::unknown_server_error;
  Result<std::vector<std::byte>> key = encode_record_key(GroupMetadataKey{entry->group->id()});
  if (key.ok() && store.value.ok()) {
    std::vector<NewGroupRecord> records;
    records.push_back({std::move(key).value(), std::move(store.value).value()});
    ++entry->appends_under_way;
    const Result<std::vector<uint64_t>> appended =
        co_await append_group_records(engine_, entry->partition, std::move(records));
    --entry->appends_under_way;
    error = appended.ok() ? KafkaError::none : coordinator_error_of(appended.error());
  }
  entry->group->stored(store, error);
  settle(entry);
}

Task<KafkaError> GroupCoordinator::erase_offsets(EntryPointer entry,
                                                 std::vector<Group::TopicPartition> forgotten) {
  if (forgotten.empty()) co_return KafkaError::none;
  std::vector<NewGroupRecord> records;
  for (const Group::TopicPartition& one : forgotten) {
    Result<std::vector<std::byte>> key =
        encode_record_key(OffsetCommitKey{entry->group->id(), one.topic, one.partition});
    if (!key.ok()) co_return KafkaError::unknown_server_error;
    records.push_back({std::move(key).value(), std::nullopt});
  }
  ++entry->appends_under_way;
  const Result<std::vector<uint64_t>> appended =
      co_await append_group_records(engine_, entry->partition, std::move(records));
  --entry->appends_under_way;
  if (!appended.ok()) co_return coordinator_error_of(appended.error());
  for (size_t i = 0; i < forgotten.size(); ++i) {
    entry->group->offsets().erase(forgotten[i].topic, forgotten[i].partition, appended.value()[i]);
  }
  settle(entry);
  co_return KafkaError::none;
}

namespace {

// The end of what is stored of the group itself.
std::vector<NewGroupRecord> last_records_of(const Group& group, const ConsumerGroup* consumer) {
  std::vector<NewGroupRecord> records;
  if (consumer != nullptr) {
    Result<ConsumerGroup::Store> end = consumer->end();
    if (end.ok()) records = std::move(end.value().records);
  }
  Result<std::vector<std::byte>> key = encode_record_key(GroupMetadataKey{group.id()});
  if (group.is_stored() && key.ok()) records.push_back({std::move(key).value(), std::nullopt});
  return records;
}

}  // namespace

// Nobody joins or commits meanwhile. The group's own record goes last: a crash before it leaves an empty group.
Task<KafkaError> GroupCoordinator::end_group(EntryPointer entry) {
  Group& group = *entry->group;
  group.kill();
  std::vector<Group::TopicPartition> forgotten;
  for (const auto& [topic, partitions] : group.offsets().topics()) {
    for (const auto& [partition, committed] : partitions) forgotten.push_back({topic, partition});
  }
  KafkaError error = co_await erase_offsets(entry, std::move(forgotten));
  if (error == KafkaError::none) {
    std::vector<NewGroupRecord> records = last_records_of(group, entry->consumer.get());
    if (!records.empty()) {
      const Result<std::vector<uint64_t>> appended =
          co_await append_group_records(engine_, entry->partition, std::move(records));
      if (!appended.ok()) error = coordinator_error_of(appended.error());
    }
  }
  if (error == KafkaError::none) {
    erase(*entry);
  } else {
    group.revive();
  }
  co_return error;
}

void GroupCoordinator::arm_sweep() {
  Clock& clock = engine_.doors().clock;
  clock.arm(sweep_timer_, clock.monotonic_ns() + settings_.retention_check_interval_ms * 1'000'000);
}

// Offsets whose time is over, and groups that have nothing left.
Task<void> GroupCoordinator::sweep() {
  std::vector<EntryPointer> entries;
  for (const auto& [id, entry] : groups_) entries.push_back(entry);
  for (const EntryPointer& entry : entries) {
    if (stopping_) co_return;
    if (!entry->erased) co_await sweep_group(entry);
    co_await engine_.doors().scheduler.yield();
  }
  if (!stopping_) arm_sweep();
}

Task<void> GroupCoordinator::sweep_group(EntryPointer entry) {
  const GroupOffsets& offsets = entry->group->offsets();
  if (entry->group->state() == GroupState::dead) co_return;
  std::vector<Group::TopicPartition> over =
      entry->group->expired_offsets(engine_.doors().clock.wall_ms());
  if (entry->consumer) {
    std::erase_if(over, [&entry](const Group::TopicPartition& one) {
      return entry->consumer->is_subscribed_to(one.topic);
    });
  }
  // Topics whose deletion was cut short by a crash: what they leave must not count for new ones of their names.
  for (const auto& [topic, partitions] : offsets.topics()) {
    if (engine_.catalog().find(topic) != nullptr) continue;
    for (const auto& [partition, committed] : partitions) over.push_back({topic, partition});
  }
  (void)co_await erase_offsets(entry, std::move(over));
  if (!entry->erased && !entry->has_members() && entry->group->is_unused() &&
      entry->appends_under_way == 0) {
    (void)co_await end_group(entry);
  }
}

}  // namespace penstock::kafka
