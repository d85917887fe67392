// What is asked of groups of the consumer protocol, and how a group changes from one protocol to the other.
#include <fmt/format.h>

#include <utility>

#include "net/kafka/groups/group_coordinator_parts.h"

namespace penstock::kafka {
namespace {

ConsumerHeartbeatAnswer refusal(KafkaError error, std::string message) {
  ConsumerHeartbeatAnswer answer;
  answer.error = error;
  answer.message = std::move(message);
  return answer;
}

}  // namespace

Task<ConsumerHeartbeatAnswer> GroupCoordinator::consumer_heartbeat(
    std::string_view group_id, const ConsumerHeartbeat& heartbeat) {
  const ConsumerHeartbeat* const asked = &heartbeat;
  return on_owner<ConsumerHeartbeatAnswer>(
      group_id, [group_id, asked](GroupCoordinator& there, PartitionKey partition) {
        return there.consumer_heartbeat_here(partition, group_id, *asked);
      });
}

Task<ConsumerHeartbeatAnswer> GroupCoordinator::consumer_heartbeat_here(
    PartitionKey partition, std::string_view group_id, const ConsumerHeartbeat& heartbeat) {
  const KafkaError ready = co_await make_ready(partition);
  if (ready != KafkaError::none) co_return refusal(ready, {});
  ConsumerHeartbeatAnswer answer = beat_here(partition, group_id, heartbeat);
  if (answer.error != KafkaError::none) co_return answer;
  const KafkaError stored = co_await store_consumer(find(group_id));
  if (stored != KafkaError::none) co_return refusal(stored, {});
  co_return answer;
}

CatalogView GroupCoordinator::catalog() {
  return catalog_watch_.look(engine_.catalog(), engine_.doors().clock.monotonic_ns());
}

// The heartbeat itself. A group that it makes, or turns into one of this protocol, it keeps only if it is in order.
ConsumerHeartbeatAnswer GroupCoordinator::beat_here(PartitionKey partition,
                                                    std::string_view group_id,
                                                    const ConsumerHeartbeat& heartbeat) {
  EntryPointer entry = find(group_id);
  const bool joins = heartbeat.epoch == ConsumerHeartbeat::kJoin;
  if (entry && entry->group->state() == GroupState::dead) {
    return refusal(KafkaError::coordinator_not_available, {});
  }
  if (!entry && !joins) {
    return refusal(KafkaError::group_id_not_found, fmt::format("There is no group {}.", group_id));
  }
  if (entry && !entry->consumer && (!joins || entry->group->state() != GroupState::empty)) {
    return refusal(KafkaError::group_id_not_found,
                   fmt::format("Group {} is not of the consumer protocol.", group_id));
  }
  if (joins && is_full()) return refusal(KafkaError::coordinator_not_available, {});
  std::shared_ptr<ConsumerGroup> group = entry ? entry->consumer : nullptr;
  const bool is_new = group == nullptr;
  if (is_new) {
    group =
        std::make_shared<ConsumerGroup>(std::string(group_id), engine_.doors().clock, settings_);
  }
  ConsumerHeartbeat asked = heartbeat;
  asked.may_grow = !is_full();
  ConsumerHeartbeatAnswer answer = group->heartbeat(asked, catalog());
  if (!is_new || answer.error != KafkaError::none) return answer;
  if (!entry) {
    entry = make_entry(partition, std::make_unique<Group>(std::string(group_id),
                                                          engine_.doors().clock, settings_));
  }
  become_consumer_group(*entry, std::move(group));
  return answer;
}

void GroupCoordinator::become_consumer_group(Entry& entry,
                                             std::shared_ptr<ConsumerGroup> consumer) {
  Result<std::vector<std::byte>> key = encode_record_key(GroupMetadataKey{entry.group->id()});
  if (entry.group->is_stored() && key.ok()) {
    entry.conversion.push_back({std::move(key).value(), std::nullopt});
  }
  auto emptied = std::make_unique<Group>(entry.group->id(), engine_.doors().clock, settings_);
  emptied->offsets() = std::move(entry.group->offsets());
  entry.group = std::move(emptied);
  entry.consumer = std::move(consumer);
}

// Without members. Should the records be lost, then those of the classic group, which lie later, count.
void GroupCoordinator::become_classic_group(const EntryPointer& entry) {
  const std::shared_ptr<ConsumerGroup> consumer = std::exchange(entry->consumer, nullptr);
  Result<ConsumerGroup::Store> end = consumer->end();
  if (end.ok()) tasks_.spawn(append_end(entry, std::move(end.value().records)));
}

Task<void> GroupCoordinator::append_end(EntryPointer entry, std::vector<NewGroupRecord> records) {
  ++entry->appends_under_way;
  (void)co_await append_group_records(engine_, entry->partition, std::move(records));
  --entry->appends_under_way;
  settle(entry);
}

// Completes when all that the group has changed until now is stored, by whatever call.
Task<KafkaError> GroupCoordinator::store_consumer(EntryPointer entry) {
  const std::shared_ptr<ConsumerGroup> group = entry->consumer;
  uint64_t number = entry->stores_begun;
  KafkaError error = KafkaError::none;
  if (group->has_store()) {
    Result<ConsumerGroup::Store> store = group->take_store();
    if (!store.ok()) co_return coordinator_error_of(store.error());
    std::vector<NewGroupRecord> records = std::exchange(entry->conversion, {});
    std::ranges::move(store.value().records, std::back_inserter(records));
    number = ++entry->stores_begun;
    entry->stores_under_way.insert(number);
    ++entry->appends_under_way;
    count_memory(*entry);
    if (!entry->erased && !stopping_) arm(*entry);
    const Result<std::vector<uint64_t>> appended =
        co_await append_group_records(engine_, entry->partition, std::move(records));
    --entry->appends_under_way;
    entry->stores_under_way.erase(number);
    if (!appended.ok()) {
      error = coordinator_error_of(appended.error());
      group->store_failed(store.value().names);
    }
    settle(entry);
    entry->store_done.wake_all();
  }
  while (!entry->stores_under_way.empty() && *entry->stores_under_way.begin() <= number) {
    co_await entry->store_done.wait();
  }
  if (error == KafkaError::none && group->is_behind()) {
    error = KafkaError::coordinator_not_available;
  }
  co_return error;
}

Task<void> GroupCoordinator::store_consumer_later(EntryPointer entry) {
  (void)co_await store_consumer(std::move(entry));
}

Task<ConsumerGroupDescription> GroupCoordinator::describe_consumer(std::string_view group_id) {
  return on_owner<ConsumerGroupDescription>(
      group_id, [group_id](GroupCoordinator& there, PartitionKey partition) {
        return there.describe_consumer_here(partition, group_id);
      });
}

Task<ConsumerGroupDescription> GroupCoordinator::describe_consumer_here(PartitionKey partition,
                                                                        std::string_view group_id) {
  ConsumerGroupDescription description;
  description.error = co_await make_ready(partition);
  if (description.error != KafkaError::none) co_return description;
  const EntryPointer entry = find(group_id);
  if (entry && entry->consumer) co_return entry->consumer->describe(catalog());
  description.error = KafkaError::group_id_not_found;
  description.message = entry ? fmt::format("Group {} is not of the consumer protocol.", group_id)
                              : fmt::format("There is no group {}.", group_id);
  co_return description;
}

}  // namespace penstock::kafka
