// What is asked of groups' offsets.
#include <utility>

#include "net/kafka/groups/group_coordinator_parts.h"

namespace penstock::kafka {
Task<KafkaError> GroupCoordinator::commit(std::string_view group_id, const Commit& commit) {
  const Commit* const asked = &commit;
  return on_owner<KafkaError>(group_id,
                              [group_id, asked](GroupCoordinator& there, PartitionKey partition) {
                                return there.commit_here(partition, group_id, *asked);
                              });
}

namespace {

Result<std::vector<NewGroupRecord>> records_of(std::string_view group_id,
                                               const GroupCoordinator::Commit& commit,
                                               int64_t now_ms) {
  std::vector<NewGroupRecord> records;
  for (const NewOffset& one : commit.offsets) {
    OffsetCommitValue value;
    value.offset = one.offset;
    value.leader_epoch = one.leader_epoch;
    value.metadata = one.metadata;
    value.commit_timestamp_ms = now_ms;
    if (commit.retention_ms >= 0) value.expire_timestamp_ms = now_ms + commit.retention_ms;
    Result<std::vector<std::byte>> key =
        encode_record_key(OffsetCommitKey{group_id, one.topic, one.partition});
    Result<std::vector<std::byte>> encoded = encode_record_value(value);
    if (!key.ok()) return key.error();
    if (!encoded.ok()) return encoded.error();
    records.push_back({std::move(key).value(), std::move(encoded).value()});
  }
  return records;
}

// A client that knows no epochs cannot be told that its own is stale.
KafkaError admit_commit(Group& group, const ConsumerGroup* consumer,
                        const GroupCoordinator::Commit& commit) {
  if (consumer == nullptr || group.state() == GroupState::dead) {
    return group.admit_commit(commit.identity, commit.generation);
  }
  const KafkaError error = consumer->admit_commit(commit.identity.member_id, commit.generation);
  if (error == KafkaError::unknown_member_id || commit.by_epoch || !consumer->has_members()) {
    return error;
  }
  return KafkaError::unsupported_version;
}

}  // namespace

Task<KafkaError> GroupCoordinator::commit_here(PartitionKey partition, std::string_view group_id,
                                               const Commit& commit) {
  const KafkaError ready = co_await make_ready(partition);
  if (ready != KafkaError::none) co_return ready;
  EntryPointer entry = find(group_id);
  if (!entry && commit.generation >= 0) {
    co_return commit.by_epoch ? KafkaError::group_id_not_found : KafkaError::illegal_generation;
  }
  if (is_full()) co_return KafkaError::coordinator_not_available;
  if (!entry) {
    entry = make_entry(partition, std::make_unique<Group>(std::string(group_id),
                                                          engine_.doors().clock, settings_));
  }
  KafkaError error = admit_commit(*entry->group, entry->consumer.get(), commit);
  const int64_t now_ms = engine_.doors().clock.wall_ms();
  Result<std::vector<NewGroupRecord>> records = records_of(group_id, commit, now_ms);
  if (!records.ok()) error = coordinator_error_of(records.error());
  if (error == KafkaError::none && !commit.offsets.empty()) {
    ++entry->appends_under_way;
    const Result<std::vector<uint64_t>> appended =
        co_await append_group_records(engine_, partition, std::move(records).value());
    --entry->appends_under_way;
    if (!appended.ok()) error = coordinator_error_of(appended.error());
    for (size_t i = 0; appended.ok() && i < commit.offsets.size(); ++i) {
      const NewOffset& one = commit.offsets[i];
      CommittedOffset committed{one.offset,
                                one.leader_epoch,
                                std::string(one.metadata),
                                now_ms,
                                commit.retention_ms < 0 ? -1 : now_ms + commit.retention_ms,
                                appended.value()[i]};
      entry->group->offsets().set(one.topic, one.partition, std::move(committed));
    }
  }
  settle(entry);
  co_return error;
}

Task<GroupCoordinator::OffsetsAnswer> GroupCoordinator::find_offsets(
    std::string_view group_id, OffsetsReader reader, const std::vector<WantedOffsets>* wanted) {
  return on_owner<OffsetsAnswer>(
      group_id, [group_id, reader, wanted](GroupCoordinator& there, PartitionKey partition) {
        return there.find_offsets_here(partition, group_id, reader, wanted);
      });
}

Task<GroupCoordinator::OffsetsAnswer> GroupCoordinator::find_offsets_here(
    PartitionKey partition, std::string_view group_id, OffsetsReader reader,
    const std::vector<WantedOffsets>* wanted) {
  OffsetsAnswer answer;
  answer.error = co_await make_ready(partition);
  if (answer.error != KafkaError::none) co_return answer;
  const EntryPointer entry = find(group_id);
  if (!entry) co_return answer;
  if (entry->consumer) {
    answer.error = entry->consumer->admit_fetch(reader.member_id, reader.epoch);
    if (answer.error != KafkaError::none) co_return answer;
  }
  const GroupOffsets& offsets = entry->group->offsets();
  if (wanted == nullptr) {
    for (const auto& [topic, partitions] : offsets.topics()) {
      answer.topics.push_back({topic, {partitions.begin(), partitions.end()}});
    }
    co_return answer;
  }
  for (const WantedOffsets& topic : *wanted) {
    FoundOffsets found;
    found.topic = topic.topic;
    for (const int32_t index : topic.partitions) {
      const CommittedOffset* committed = offsets.find(topic.topic, index);
      found.partitions.emplace_back(index, committed ? *committed : CommittedOffset());
    }
    answer.topics.push_back(std::move(found));
  }
  co_return answer;
}

Task<GroupCoordinator::ForgetAnswer> GroupCoordinator::forget_offsets(
    std::string_view group_id, const std::vector<WantedOffsets>& wanted) {
  const std::vector<WantedOffsets>* const asked = &wanted;
  return on_owner<ForgetAnswer>(group_id,
                                [group_id, asked](GroupCoordinator& there, PartitionKey partition) {
                                  return there.forget_offsets_here(partition, group_id, *asked);
                                });
}

Task<GroupCoordinator::ForgetAnswer> GroupCoordinator::forget_offsets_here(
    PartitionKey partition, std::string_view group_id, const std::vector<WantedOffsets>& wanted) {
  ForgetAnswer answer;
  answer.error = co_await make_ready(partition);
  if (answer.error != KafkaError::none) co_return answer;
  const EntryPointer entry = find(group_id);
  answer.error = entry ? entry->group->admit_forgetting() : KafkaError::group_id_not_found;
  if (answer.error != KafkaError::none) co_return answer;
  std::vector<Group::TopicPartition> forgotten;
  for (const WantedOffsets& topic : wanted) {
    const bool used = entry->consumer ? entry->consumer->is_subscribed_to(topic.topic)
                                      : entry->group->has_members() &&
                                            entry->group->is_subscribed_to(topic.topic);
    answer.topics.push_back(used ? KafkaError::group_subscribed_to_topic : KafkaError::none);
    if (used) continue;
    for (const int32_t index : topic.partitions) {
      if (entry->group->offsets().find(topic.topic, index) == nullptr) continue;
      forgotten.push_back({std::string(topic.topic), index});
    }
  }
  answer.error = co_await erase_offsets(entry, std::move(forgotten));
  co_return answer;
}

Task<void> GroupCoordinator::forget_topic(std::string_view topic) {
  for (uint32_t reactor = 0; reactor < all_.reactor_count(); ++reactor) {
    GroupCoordinator* const there = all_.coordinators_[reactor];
    co_await call_on(engine_.doors().scheduler, reactor,
                     [there, topic] { return there->forget_topic_here(topic); });
  }
}

Task<void> GroupCoordinator::forget_topic_here(std::string_view topic) {
  std::vector<EntryPointer> entries;
  for (const auto& [id, entry] : groups_) entries.push_back(entry);
  for (const EntryPointer& entry : entries) {
    if (stopping_) co_return;
    const auto found = entry->group->offsets().topics().find(topic);
    if (entry->erased || found == entry->group->offsets().topics().end()) continue;
    std::vector<Group::TopicPartition> forgotten;
    for (const auto& [index, committed] : found->second) {
      forgotten.push_back({std::string(topic), index});
    }
    (void)co_await erase_offsets(entry, std::move(forgotten));
  }
}

}  // namespace penstock::kafka
