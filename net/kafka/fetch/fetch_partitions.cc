#include "net/kafka/fetch/fetch_partitions.h"

#include <algorithm>
#include <utility>

#include "net/kafka/handlers.h"
#include "net/kafka/leader_epoch.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

constexpr size_t kPartitionsPerTurn = 4096;

}  // namespace

FetchPartitions::FetchPartitions(Engine& engine, bool by_id)
    : engine_(engine), by_id_(by_id), reads_(engine) {}

std::string FetchPartitions::key_of(bool by_id, std::string_view name, const Uuid& id) {
  if (!by_id) return std::string(name);
  return std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

uint32_t FetchPartitions::topic_of(std::string_view name, const Uuid& id) {
  const auto [place, added] = topics_by_key_.try_emplace(key_of(by_id_, name, id), 0);
  if (!added) return place->second;
  if (free_topics_.empty()) {
    free_topics_.push_back(static_cast<uint32_t>(topics_.size()));
    topics_.emplace_back();
  }
  place->second = free_topics_.back();
  free_topics_.pop_back();
  topics_[place->second] = {by_id_ ? std::string() : std::string(name), id, 0};
  return place->second;
}

void FetchPartitions::put(uint32_t topic, const FetchRequest::Partition& wanted) {
  const auto [place, added] = slots_.try_emplace(Place(topic, wanted.index), 0);
  if (added) {
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<uint32_t>(entries_.size()));
      entries_.emplace_back();
    }
    place->second = free_slots_.back();
    free_slots_.pop_back();
    entries_[place->second] = Entry();
    ++topics_[topic].partition_count;
    ++count_;
  }
  Entry& entry = entries_[place->second];
  entry.live = true;
  entry.topic = topic;
  entry.index = wanted.index;
  entry.current_leader_epoch = wanted.current_leader_epoch;
  entry.last_fetched_epoch = wanted.last_fetched_epoch;
  entry.size_bytes_max = wanted.size_bytes_max;
  entry.fetch_offset = wanted.fetch_offset;
  queue(place->second);
}

std::optional<uint32_t> FetchPartitions::find(std::string_view name, const Uuid& id,
                                              int32_t index) const {
  const auto topic = topics_by_key_.find(key_of(by_id_, name, id));
  if (topic == topics_by_key_.end()) return std::nullopt;
  const auto slot = slots_.find(Place(topic->second, index));
  if (slot == slots_.end()) return std::nullopt;
  return slot->second;
}

// Its slot may be given to another partition as soon as nobody watches it.
void FetchPartitions::drop(uint32_t slot, std::vector<ReadSet::Watched>& watched) {
  Entry& entry = entries_[slot];
  if (entry.key) watched.push_back({slot, *entry.key});
  entry.live = false;
  slots_.erase(Place(entry.topic, entry.index));
  --count_;
  FetchedTopic& topic = topics_[entry.topic];
  if (--topic.partition_count > 0) return;
  topics_by_key_.erase(key_of(by_id_, topic.name, topic.id));
  free_topics_.push_back(entry.topic);
}

Task<void> FetchPartitions::update(const FetchRequest& request) {
  size_t steps = 0;
  for (const FetchRequest::Topic& topic : request.topics) {
    if (topic.partitions.empty()) continue;
    const uint32_t number = topic_of(topic.name, topic.topic_id);
    for (const FetchRequest::Partition& partition : topic.partitions) {
      put(number, partition);
      if (++steps % kPartitionsPerTurn == 0) co_await engine_.doors().scheduler.yield();
    }
  }
  std::vector<ReadSet::Watched> watched;
  std::vector<uint32_t> dropped;
  for (const FetchRequest::ForgottenTopic& topic : request.forgotten_topics) {
    for (const int32_t index : topic.partitions) {
      const std::optional<uint32_t> slot = find(topic.name, topic.topic_id, index);
      if (!slot) continue;
      drop(*slot, watched);
      dropped.push_back(*slot);
    }
  }
  if (dropped.empty()) co_return;
  co_await reads_.forget(watched);
  const auto gone = [this](uint32_t slot) { return !entries_[slot].live; };
  std::erase_if(queue_, gone);
  std::erase_if(touched_, gone);
  free_slots_.insert(free_slots_.end(), dropped.begin(), dropped.end());
}

void FetchPartitions::queue(uint32_t slot) {
  if (!std::exchange(entries_[slot].queued, true)) queue_.push_back(slot);
}

void FetchPartitions::touch(uint32_t slot) {
  if (!std::exchange(entries_[slot].touched, true)) touched_.push_back(slot);
}

// Finds the partition anew each time: a topic may have gone, or another one may have its name.
KafkaError FetchPartitions::resolve(Entry& entry) {
  FetchedTopic& topic = topics_[entry.topic];
  const CatalogSnapshot& catalog = engine_.catalog();
  const Topic* known = by_id_ ? catalog.find(topic_id_of(topic.id)) : catalog.find(topic.name);
  if (known == nullptr && by_id_) {
    if (topic.name.empty()) return KafkaError::unknown_topic_id;
    return catalog.find(topic.name) != nullptr ? KafkaError::inconsistent_topic_id
                                               : KafkaError::unknown_topic_or_partition;
  }
  if (known == nullptr || entry.index < 0 ||
      static_cast<uint32_t>(entry.index) >= known->partition_count) {
    return KafkaError::unknown_topic_or_partition;
  }
  if (by_id_ && topic.name.empty()) topic.name = known->name;
  entry.key = PartitionKey{known->id, static_cast<uint32_t>(entry.index)};
  return KafkaError::none;
}

// Either a read of the partition, or the error that stands in its way.
void FetchPartitions::prepare(uint32_t slot, Look& look, std::vector<ReadSet::Read>& reads) {
  Entry& entry = entries_[slot];
  touch(slot);
  entry.found = {.error = resolve(entry)};
  if (entry.found.error == KafkaError::none && entry.size_bytes_max < 0) {
    entry.found.error = KafkaError::invalid_request;
  }
  if (entry.found.error != KafkaError::none) {
    look.failed = true;
    queue(slot);
    return;
  }
  ReadSet::Read& read = reads.emplace_back();
  read.slot = slot;
  read.key = *entry.key;
  // No log has the greatest offset: it stands for all that are out of range.
  read.offset = entry.fetch_offset < 0 ? Offset{UINT64_MAX}
                                       : Offset{static_cast<uint64_t>(entry.fetch_offset)};
  read.size_bytes_max = static_cast<size_t>(entry.size_bytes_max);
  if (entry.last_fetched_epoch >= 0 && entry.fetch_offset >= 0)
    read.last_epoch = LeaderEpoch{entry.last_fetched_epoch};
}

// Whether the partition has nothing to say for now.
bool FetchPartitions::take(ReadSet::Read& read, Look& look) {
  Entry& entry = entries_[read.slot];
  const PartitionOffsets& offsets = read.offsets;
  if (read.offsets_known) {
    entry.found.error = check_leader_epoch(entry.current_leader_epoch, offsets.leader_epoch);
    if (entry.found.error == KafkaError::none) {
      entry.found.high_watermark = static_cast<int64_t>(offsets.high_watermark.value);
      entry.found.log_start = static_cast<int64_t>(offsets.log_start.value);
    } else if (entry.found.error == KafkaError::fenced_leader_epoch) {
      look.led_otherwise.emplace_back(read.slot, offsets.leader_epoch);
    }
  }
  const bool led = entry.found.error == KafkaError::none;
  if (led && !read.result.ok()) {
    if (read.result.error() == Error::busy) {
      look.busy = true;
      return false;
    }
    entry.found.error = kafka_error_of(read.result.error());
  }
  // A log that does not know the epoch, or begins behind the offset, cannot say where the two part.
  const bool lost = !read.epoch_end || read.offset < offsets.log_start;
  if (led && read.diverged && lost) entry.found.error = KafkaError::offset_out_of_range;
  if (entry.found.error != KafkaError::none) {
    look.failed = true;
    return false;
  }
  if (read.diverged) {
    look.failed = true;
    look.diverged.emplace_back(
        read.slot,
        FetchResponse::EpochEndOffset{read.epoch_end->epoch.value,
                                      static_cast<int64_t>(read.epoch_end->end_offset.value)});
    return false;
  }
  ReadResult& result = read.result.value();
  if (result.slices.empty()) return !read.passed_over;
  Look::Batches& records = look.batches.emplace_back();
  records.slot = read.slot;
  records.topic = read.key.topic;
  records.record_count = result.record_count;
  records.size_bytes = result.size_bytes;
  for (ReadSlice& slice : result.slices) {
    records.pieces.push_back({slice.bytes.data(), slice.bytes.size()});
    look.kept.push_back(std::move(slice.buffer));
  }
  return false;
}

Task<void> FetchPartitions::look(Look& look, bool watch) {
  const std::vector<uint32_t> changed = co_await reads_.take_changed();
  for (const uint32_t slot : changed) {
    if (slot < entries_.size() && entries_[slot].live) queue(slot);
  }
  const std::vector<uint32_t> slots = std::exchange(queue_, {});
  std::vector<ReadSet::Read> reads;
  reads.reserve(slots.size());
  for (const uint32_t slot : slots) entries_[slot].queued = false;
  for (const uint32_t slot : slots) prepare(slot, look, reads);
  co_await reads_.read(reads, look.limit, watch);
  // What was passed over comes first the next time, what was served last.
  std::vector<uint32_t> served;
  for (ReadSet::Read& read : reads) {
    const size_t before = look.batches.size();
    const bool quiet = take(read, look);
    if (look.batches.size() > before) {
      served.push_back(read.slot);
    } else if (!quiet || !watch) {
      queue(read.slot);
    }
  }
  for (const uint32_t slot : served) queue(slot);
}

FetchResponse::Partition FetchPartitions::describe(const Entry& entry, bool committed_only) const {
  FetchResponse::Partition result;
  result.index = entry.index;
  result.error_code = entry.found.error;
  result.high_watermark = entry.found.high_watermark;
  // Without transactions everything visible is stable.
  result.last_stable_offset = entry.found.high_watermark;
  result.log_start_offset = entry.found.log_start;
  if (committed_only && entry.found.error == KafkaError::none) {
    result.aborted_transactions.emplace();
  }
  result.records = Records();
  return result;
}

void FetchPartitions::answer(const Look& look, bool only_changes, bool committed_only,
                             int32_t node_id, FetchResponse& response) {
  std::map<uint32_t, const std::vector<IoSlice>*> records;
  for (const Look::Batches& batches : look.batches) records[batches.slot] = &batches.pieces;
  std::map<uint32_t, FetchResponse::EpochEndOffset> diverged(look.diverged.begin(),
                                                             look.diverged.end());
  std::map<uint32_t, LeaderEpoch> led(look.led_otherwise.begin(), look.led_otherwise.end());
  std::map<uint32_t, size_t> topics;  // where in the response
  const auto add = [&](uint32_t slot) {
    Entry& entry = entries_[slot];
    const auto pieces = records.find(slot);
    const auto parting = diverged.find(slot);
    const bool says = pieces != records.end() || parting != diverged.end() ||
                      entry.found.error != KafkaError::none;
    if (only_changes && !says && entry.found == entry.told) return;
    const auto [topic, first] = topics.try_emplace(entry.topic, response.topics.size());
    if (first) {
      FetchResponse::Topic& added = response.topics.emplace_back();
      added.name = topics_[entry.topic].name;
      added.topic_id = topics_[entry.topic].id;
    }
    FetchResponse::Partition partition = describe(entry, committed_only);
    if (pieces != records.end()) {
      partition.records = Records(std::span<const IoSlice>(*pieces->second));
    }
    if (parting != diverged.end()) partition.diverging_epoch = parting->second;
    if (const auto other = led.find(slot); other != led.end()) {
      partition.current_leader = {node_id, other->second.value};
    }
    response.topics[topic->second].partitions.push_back(std::move(partition));
    // An error is told each time, and its end too.
    entry.told = entry.found.error == KafkaError::none ? entry.found : Found();
  };
  if (only_changes) {
    for (const uint32_t slot : touched_) add(slot);
  } else {
    for (uint32_t slot = 0; slot < entries_.size(); ++slot) {
      if (entries_[slot].live) add(slot);
    }
  }
  for (const uint32_t slot : touched_) entries_[slot].touched = false;
  touched_.clear();
}

}  // namespace penstock::kafka
