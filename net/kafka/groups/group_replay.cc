#include "net/kafka/groups/group_replay.h"

#include <utility>

namespace penstock::kafka {

Result<void> GroupReplay::apply(std::span<const std::byte> batches) {
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;  // the frame's checksum has covered them
  while (!batches.empty()) {
    const ParsedBatch parsed = RecordBatch::parse(batches, rules);
    if (!parsed.ok()) return Error::corrupt;
    const RecordBatch& batch = parsed.value();
    batches = batches.subspan(batch.size_bytes());
    if (batch.control()) continue;
    if (batch.codec() != Codec::none) {  // nobody but us writes here, and we compress nothing
      unreadable_count_ += batch.record_count();
      continue;
    }
    RecordReader reader = batch.reader();
    Record record;
    while (reader.next(record)) {
      const uint64_t log_offset = batch.base_offset().value + record.offset_delta;
      if (!apply_record(record, log_offset)) ++unreadable_count_;
    }
  }
  return {};
}

bool GroupReplay::apply_record(const Record& record, uint64_t log_offset) {
  if (!record.key) return false;
  const auto consumer_key = decode_consumer_key(*record.key);
  if (!consumer_key.ok()) return false;
  if (consumer_key.value()) return apply_consumer(*consumer_key.value(), record.value);
  const Result<RecordKey> key = decode_record_key(*record.key);
  if (!key.ok()) return false;
  if (const auto* offset = std::get_if<OffsetCommitKey>(&key.value())) {
    return apply_offset(*offset, record.value, log_offset);
  }
  if (const auto* group = std::get_if<GroupMetadataKey>(&key.value())) {
    return apply_group(*group, record.value);
  }
  return true;
}

bool GroupReplay::apply_offset(const OffsetCommitKey& key, const OptionalBytes& value,
                               uint64_t log_offset) {
  if (!value) {
    const auto found = found_.find(key.group);
    if (found != found_.end()) found->second.offsets.erase(key.topic, key.partition, log_offset);
    return true;
  }
  const Result<OffsetCommitValue> decoded = decode_offset_value(*value);
  if (!decoded.ok()) return false;
  CommittedOffset committed;
  committed.offset = decoded.value().offset;
  committed.leader_epoch = decoded.value().leader_epoch;
  committed.metadata = std::string(decoded.value().metadata);
  committed.commit_timestamp_ms = decoded.value().commit_timestamp_ms;
  committed.expire_timestamp_ms = decoded.value().expire_timestamp_ms;
  committed.log_offset = log_offset;
  found_[std::string(key.group)].offsets.set(key.topic, key.partition, std::move(committed));
  return true;
}

bool GroupReplay::apply_group(const GroupMetadataKey& key, const OptionalBytes& value) {
  if (!value) {
    const auto found = found_.find(key.group);
    if (found != found_.end()) found->second.metadata.clear();
    return true;
  }
  if (!decode_group_value(*value).ok()) return false;
  Found& found = found_[std::string(key.group)];
  found.metadata.assign(value->begin(), value->end());
  found.is_classic = true;
  return true;
}

bool GroupReplay::apply_consumer(const ConsumerRecordKey& key, const OptionalBytes& value) {
  if (!value && !found_.contains(key.group)) return true;
  Found& found = found_[std::string(key.group)];
  if (value && key.kind == ConsumerRecordKind::group) found.is_classic = false;
  return found.consumer.apply(key, value).ok();
}

std::vector<GroupReplay::Replayed> GroupReplay::take_groups(Clock& clock,
                                                            const GroupSettings& settings) {
  std::vector<Replayed> groups;
  for (auto& [id, found] : found_) {
    const bool is_consumer = found.consumer.exists() && !found.is_classic;
    if (!is_consumer && found.metadata.empty() && found.offsets.empty()) continue;
    Replayed replayed;
    replayed.group = std::make_unique<Group>(id, clock, settings);
    if (is_consumer) {
      replayed.consumer =
          std::make_shared<ConsumerGroup>(id, clock, settings, found.consumer.take());
    } else if (!found.metadata.empty()) {
      replayed.group->restore(decode_group_value(found.metadata).value());
    }
    replayed.group->offsets() = std::move(found.offsets);
    groups.push_back(std::move(replayed));
  }
  found_.clear();
  return groups;
}

}  // namespace penstock::kafka
