#include "engine/partition_producers.h"

#include <algorithm>

#include "engine/journal.h"
#include "engine/producer_record.h"

namespace penstock {

const ProducerState* PartitionProducers::find(int64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.state;
}

Result<std::optional<ProducedBatch>> PartitionProducers::judge(const ProducerStamp& stamp,
                                                               uint32_t record_count) const {
  const ProducerState* known = find(stamp.id);
  if (known == nullptr) return std::optional<ProducedBatch>();
  return known->judge(stamp, record_count);
}

void PartitionProducers::add(const ProducerStamp& stamp, const ProducedBatch& batch) {
  ProducerEntry& entry = use(stamp.id);
  entry.state.add(stamp, batch);
  note_change(entry);
}

// Used just now, and made if it was not there.
ProducerEntry& PartitionProducers::use(int64_t id) {
  const auto [found, fresh] = entries_.try_emplace(id);
  ProducerEntry& entry = found->second;
  recency_.use(entry);
  pool_.entries_.use(entry);
  if (fresh) {
    entry.owner = this;
    entry.id = id;
    ++pool_.count_;
    make_room(entry);
  }
  return entry;
}

void PartitionProducers::make_room(const ProducerEntry& kept) {
  if (entries_.size() > pool_.limits_.per_partition_max) {
    ProducerEntry& oldest = *recency_.oldest();
    if (&oldest != &kept) evict(oldest);
  }
  if (pool_.count_ > pool_.limits_.per_reactor_max) {
    ProducerEntry& oldest = *pool_.entries_.oldest();
    if (&oldest != &kept) oldest.owner->evict(oldest);
  }
}

void PartitionProducers::evict(ProducerEntry& entry) {
  pool_.journal_.append_later({.type = JournalRecordType::producer_removed,
                               .key = key_,
                               .file_number = static_cast<uint64_t>(entry.id)});
  forget(entry);
}

void PartitionProducers::forget(ProducerEntry& entry) {
  recency_.remove(entry);
  pool_.entries_.remove(entry);
  --pool_.count_;
  if (entry.journal_due) std::erase(changed_, entry.id);
  entries_.erase(entry.id);
}

void PartitionProducers::note_change(ProducerEntry& entry) {
  if (entry.journal_due) return;
  entry.journal_due = true;
  changed_.push_back(entry.id);
}

// The one that appended last is used last, as it was before the restart.
void PartitionProducers::restore(const States& states) {
  std::vector<States::const_iterator> order;
  for (auto next = states.begin(); next != states.end(); ++next) order.push_back(next);
  std::ranges::stable_sort(order, {}, [](const States::const_iterator& each) {
    return each->second.last_append_time_ms;
  });
  for (const States::const_iterator& each : order) use(each->first).state = each->second;
}

void PartitionProducers::replay(const ProducerStamp& stamp, const ProducedBatch& batch) {
  const ProducerState* known = find(stamp.id);
  const bool older = known != nullptr && known->batch_count > 0 &&
                     batch.base_offset <= known->batches[0].base_offset;
  if (!older) add(stamp, batch);
}

// Of one whose batches are all beyond `end` the journal knows what is right already, or learns what came before them.
std::vector<JournalRecord> PartitionProducers::take_records(Offset end) {
  std::vector<JournalRecord> records;
  size_t left = 0;
  for (const int64_t id : changed_) {
    ProducerEntry& entry = entries_.at(id);
    const std::optional<ProducerState> state = entry.state.before(end);
    if (state) records.push_back(producer_record(key_, id, *state));
    const bool all = entry.state.batch_count == 0 || entry.state.batches[0].base_offset < end;
    entry.journal_due = !all;
    if (!all) changed_[left++] = id;
  }
  changed_.resize(left);
  return records;
}

std::vector<int64_t> PartitionProducers::lost_by(Offset end) const {
  std::vector<int64_t> lost;
  for (const ProducerEntry* each = recency_.oldest(); each != nullptr;
       each = recency_.next_oldest(*each)) {
    const std::optional<ProducerState> earlier = each->state.before(end);
    if (!earlier || earlier->batch_count == 0) lost.push_back(each->id);
  }
  return lost;
}

void PartitionProducers::cut(Offset end) {
  for (const int64_t id : lost_by(end)) {
    ProducerEntry& entry = entries_.at(id);
    // The journal forgets it by the cut, unless it does not know either where its batches were.
    if (entry.state.batch_count == 0) {
      evict(entry);
    } else {
      forget(entry);
    }
  }
  for (auto* next = recency_.oldest(); next != nullptr; next = recency_.next_oldest(*next)) {
    ProducerState earlier = *next->state.before(end);
    if (earlier == next->state) continue;
    next->state = earlier;
    note_change(*next);
  }
}

void PartitionProducers::expire(int64_t now_ms) {
  const int64_t before_ms = now_ms - pool_.limits_.expiration_ms;
  bool any = false;
  for (ProducerEntry* oldest = recency_.oldest();
       oldest != nullptr && oldest->state.last_append_time_ms < before_ms;
       oldest = recency_.oldest()) {
    forget(*oldest);
    any = true;
  }
  if (!any) return;
  pool_.journal_.append_later(
      {.type = JournalRecordType::producers_expired, .key = key_, .time_ms = before_ms});
}

void PartitionProducers::clear() {
  while (ProducerEntry* entry = recency_.oldest()) forget(*entry);
  changed_.clear();
}

PartitionProducers::States PartitionProducers::states() const {
  States states;
  for (const ProducerEntry* each = recency_.oldest(); each != nullptr;
       each = recency_.next_oldest(*each)) {
    states[each->id] = each->state;
  }
  return states;
}

}  // namespace penstock
