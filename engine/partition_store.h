// The partitions of one reactor in one data directory, and what they share: journal, files, writes and flushes.
//
// Called only on its reactor. create_journal(), then open(); close() before it is destroyed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/block_cache.h"
#include "engine/cleaner.h"
#include "engine/flush_stream.h"
#include "engine/partition.h"
#include "engine/write_queue.h"

namespace penstock {

class PartitionStore : private FlushListener {
 public:
  struct Options {
    std::string directory;
    TopicId directory_id;
    uint64_t incarnation = 0;
    uint64_t scan_bytes_max = 256 << 20;
    uint64_t retention_interval_ns = 5'000'000'000;
    WriteQueue::Options writes;
    FlushStream::Options flushes;
    SegmentFiles::Options files;
    OpenSegments::Options open_segments;
    BlockCache::Options blocks;
    ProducerLimits producers;
    Cleaner::Options cleaner;
  };
  PartitionStore(Doors& doors, Options options);
  PartitionStore(const PartitionStore&) = delete;
  ~PartitionStore() override;

  // Writes this incarnation's journal: what it knows of the partitions and files that are now this store's.
  Task<Result<void>> create_journal(JournalState state);

  // Looks at all of one partition's files without changing anything; as Partition::inspect().
  Task<Result<void>> inspect(const PartitionState& state);

  // Makes all partitions of the journal serve, side by side. A damaged one is there and refuses everything; Error only
  // if the store as a whole cannot work.
  Task<Result<void>> open();

  // The partition, made empty if there is none yet. Null after close() began.
  std::shared_ptr<Partition> get(const PartitionKey& key, const TopicConfig& config);
  std::shared_ptr<Partition> find(const PartitionKey& key) const;  // null: none

  // Gives the partition's files to the pool. It is gone even if that fails; the next start tries again.
  Task<void> remove(const PartitionKey& key);

  // Adds this store's figures, but for its recovery's and the topics'.
  void add_to(EngineFigures& figures) const;
  void add_to(RecoveryFigures& recovery) const;
  // Adds those of at most `partitions_max` partitions, from `from` on. Value: the next one, if there are more.
  std::optional<PartitionKey> add_topics(std::optional<PartitionKey> from, size_t partitions_max,
                                         std::map<TopicId, TopicFigures>& topics) const;

  std::vector<PartitionKey> keys() const;
  std::vector<PartitionKey> keys_of(const TopicId& topic) const;
  // Calls visit(key, partition) for those of one topic.
  template <class Visit>
  void for_each_of(const TopicId& topic, Visit visit) const {
    auto next = partitions_.lower_bound(PartitionKey{topic, 0});
    for (; next != partitions_.end() && next->first.topic == topic; ++next) {
      visit(next->first, *next->second);
    }
  }
  size_t partition_count() const { return partitions_.size(); }
  void add_sizes(std::map<PartitionKey, uint64_t>& sizes) const;  // in bytes
  const std::string& directory() const { return options_.directory; }
  bool failed() const { return journal_.failed(); }  // its disk takes no more
  void wake_watchers();                              // of all partitions
  const Journal& journal() const { return journal_; }

  Task<void> close();

 private:
  void fence_unflushed(Error error) override;
  Task<void> open_partition(std::shared_ptr<Partition> partition);
  Task<void> open_in_turn(std::vector<std::shared_ptr<Partition>>& waiting);
  Task<void> sweep();
  void arm(Timer& timer, uint64_t delay_ns);
  Task<void> enforce_retention();
  Task<void> enforce_retention_on(std::shared_ptr<Partition> partition);
  Task<void> clean();

  Doors& doors_;
  Options options_;
  FlushStream flushes_;
  Journal journal_;
  SegmentFiles files_;
  BlockCache blocks_;  // before the writes: it gives memory back first
  WriteQueue queue_;
  OpenSegments open_segments_;
  WakeQueue wakes_;
  PlacedFigures placed_;
  ReadFigures reads_;
  ProducerPool producers_;
  PartitionServices services_;
  std::map<PartitionKey, std::shared_ptr<Partition>> partitions_;
  // Of those that were there at the start.
  uint64_t found_count_ = 0;
  uint64_t opened_count_ = 0;
  uint64_t refused_count_ = 0;
  Cleaner cleaner_;
  bool closing_ = false;
  Timer sweep_timer_;
  Timer retention_timer_;
  Timer cleaner_timer_;
  TaskGroup tasks_;
};

}  // namespace penstock
