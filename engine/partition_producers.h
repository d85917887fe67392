// The idempotent producers of one partition, and the pool that bounds them over all partitions of a store.
//
// A partition has one as soon as a producer appended to it, and gives it up when the last one is forgotten: the others
// pay for a pointer. It belongs to its Partition, the pool to the PartitionStore; only on their reactor. Who was not
// used for longest is forgotten first, where there are too many; his batches are then taken like those of a new one.
//
// What is flushed of it is kept in the journal: its records are due before each seal, checkpoint and cut, so that
// recovery needs the frames behind them only, and none of a sealed segment. So nobody who rewrites or drops sealed
// segments has to keep a frame for its producer's sake.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/journal_record.h"
#include "engine/producer_state.h"
#include "engine/recency.h"

namespace penstock {

class Journal;
class PartitionProducers;
struct InProducerPool;
struct InPartitionProducers;

// One producer in one partition.
struct ProducerEntry : RecencyLink<InProducerPool>, RecencyLink<InPartitionProducers> {
  PartitionProducers* owner = nullptr;
  int64_t id = -1;
  ProducerState state;
  bool journal_due = false;
};

struct ProducerLimits {
  size_t per_partition_max = 4096;
  size_t per_reactor_max = 65'536;     // and data directory
  int64_t expiration_ms = 86'400'000;  // after the last append
};

class ProducerPool {
 public:
  ProducerPool(Journal& journal, ProducerLimits limits) : journal_(journal), limits_(limits) {}
  ProducerPool(const ProducerPool&) = delete;

  const ProducerLimits& limits() const { return limits_; }
  size_t count() const { return count_; }

 private:
  friend class PartitionProducers;
  Journal& journal_;
  ProducerLimits limits_;
  size_t count_ = 0;
  RecencyList<ProducerEntry, InProducerPool> entries_;
};

class PartitionProducers {
 public:
  using States = std::map<int64_t, ProducerState>;

  PartitionProducers(ProducerPool& pool, const PartitionKey& key) : pool_(pool), key_(key) {}
  PartitionProducers(const PartitionProducers&) = delete;
  ~PartitionProducers() { clear(); }

  bool empty() const { return entries_.empty(); }
  // Null: unknown.
  const ProducerState* find(int64_t id) const;

  // As ProducerState::judge(); an unknown producer may begin anywhere.
  Result<std::optional<ProducedBatch>> judge(const ProducerStamp& stamp,
                                             uint32_t record_count) const;
  void add(const ProducerStamp& stamp, const ProducedBatch& batch);

  // Recovery: what the journal knows; then each frame behind it, which it may know already.
  void restore(const States& states);
  void replay(const ProducerStamp& stamp, const ProducedBatch& batch);

  // The journal's records of those that changed, as of `end`: all below it is flushed.
  std::vector<JournalRecord> take_records(Offset end);

  // The log ends at `end` now. Those of lost_by() are forgotten, unless their earlier batches are added again.
  void cut(Offset end);
  std::vector<int64_t> lost_by(Offset end) const;

  void expire(int64_t now_ms);
  void clear();
  States states() const;

 private:
  ProducerEntry& use(int64_t id);
  void make_room(const ProducerEntry& kept);
  void forget(ProducerEntry& entry);
  void evict(ProducerEntry& entry);
  void note_change(ProducerEntry& entry);

  ProducerPool& pool_;
  PartitionKey key_;
  std::unordered_map<int64_t, ProducerEntry> entries_;  // found by id only: its order is nobody's
  RecencyList<ProducerEntry, InPartitionProducers> recency_;
  std::vector<int64_t> changed_;  // journal_due
};

}  // namespace penstock
