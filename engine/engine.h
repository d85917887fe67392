// The engine of one reactor, and the way to all the others: any reactor reaches every topic and partition through its
// own Engine.
//
// start() on every reactor opens the data directory together; stop() on every reactor closes it. All calls are made on
// the engine's own reactor; arguments given by reference or span stay put until the task is done.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/config_changes.h"
#include "engine/figures.h"
#include "engine/partition.h"
#include "engine/topic.h"
#include "io/doors.h"
#include "io/event.h"
#include "io/fair_mutex.h"

namespace penstock {

class PartitionStore;
class EngineGroup;
struct DirectorySet;

struct EngineOptions {
  // One per disk; a partition lives in one of them. The first start makes the first one the primary, which also keeps
  // the catalog. From then on all that were given once must be given, in any order; new empty ones may come.
  std::vector<std::string> data_directories = {"./penstock-data"};
  uint64_t lock_patience_ns = 5'000'000'000;  // for a killed predecessor's lock
  uint64_t flush_interval_ns = 50'000'000;  // of topics whose durability is `written` or `buffered`
  uint64_t pool_bytes_max = uint64_t{1} << 30;  // recycled files kept, per reactor and directory
  uint64_t scan_bytes_max =
      256 << 20;  // what recovery may have to scan, over all partitions of a reactor
  std::vector<uint64_t> segment_class_bytes = {1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20};
  size_t open_files_max = 4096;  // segments, per reactor; those not used for longest are closed
  uint64_t in_flight_bytes_max = 4 << 20;  // writes to a disk at one time, per reactor
  bool shared_flush =
      true;  // one device flush covers the written blocks of all files (docs/shared_flush.md)
  TopicConfig topic_defaults;                      // where a topic's own entries say nothing
  ProducerLimits producers;                        // that are remembered
  uint64_t retention_interval_ns = 5'000'000'000;  // between looks at what topics keep no longer
  bool cleaner_enabled = true;                     // compact what is to be compacted
  uint64_t cleaner_interval_ns = 15'000'000'000;   // between looks for that
  uint64_t cleaner_key_bytes_max = 128 << 20;      // for keys of one pass, over all reactors
  uint64_t cleaner_bytes_per_second = 0;  // read and written, over all reactors; 0: no limit
};

inline constexpr uint32_t kPartitionsMax = 100'000;  // of a topic

struct TopicSpec {
  std::string name;
  uint32_t partition_count = 1;
  std::map<std::string, std::string> config_entries;
};

// One data directory, and what lies in it.
struct DirectoryUsage {
  std::string path;
  bool primary = false;
  bool failed = false;                          // takes no more writes
  int64_t free_bytes = -1;                      // of its file system; -1: unknown
  std::map<PartitionKey, uint64_t> partitions;  // bytes of records and their frames
};

// Whose batches they are: see ProducerStamp.
struct ProducerIdentity {
  int64_t id = -1;
  int16_t epoch = 0;
};

class Engine {
 public:
  // `group` is shared by the engines of all reactors and outlives them.
  Engine(Doors& doors, EngineGroup& group);
  Engine(const Engine&) = delete;
  ~Engine();

  // Opens this reactor's share; completes when all reactors' shares are open. An error is the same on all of them,
  // and has been told to the Reporter with its place; nothing has been changed on disk.
  Task<Result<void>> start();

  // From now on calls answer Error::closed and those that wait for changes here return. Call it on every reactor.
  void begin_stop();

  // Ends appends, writes and flushes what is pending, checkpoints, closes. Requests under way get Error::closed.
  Task<void> stop();

  Doors& doors() { return doors_; }
  const EngineOptions& options() const;  // the node was started with
  const CatalogSnapshot& catalog() const { return *catalog_; }
  std::shared_ptr<const CatalogSnapshot> catalog_pointer() const { return catalog_; }  // to keep
  const TopicId& directory_id() const { return directory_id_; }  // the node's identity for life

  // Limits of what some clients may send and fetch. Error::too_large: there are too many; fenced.
  Task<Result<void>> alter_quota(QuotaChange change);

  // Error::already_exists, invalid_argument (name, count, config), fenced. Durable and visible on all reactors.
  Task<Result<std::shared_ptr<const Topic>>> create_topic(TopicSpec spec);
  Task<Result<void>> delete_topic(TopicId id);
  // Changes what a topic says of its configuration; with `validate_only`, says whether it could be done. Durable, and
  // with all its partitions, when done. Error::not_found; invalid_argument: `what`, which outlives the task, says why.
  Task<Result<void>> alter_topic(TopicId id, ConfigChanges changes, bool validate_only,
                                 std::string& what);
  // The same for what topics have where they say nothing, over what the node was started with; `scope`: "" or the
  // node's id, which wins.
  Task<Result<void>> alter_node(std::string scope, ConfigChanges changes, bool validate_only,
                                std::string& what);
  // The topic has `count` partitions, more than before. Error::not_found, invalid_argument, too_large.
  Task<Result<void>> create_partitions(TopicId id, uint32_t count);

  // Appends one record batch (RecordBatch::parse with Rules::produced has accepted it), whose base offset and leader
  // epoch are set in place. Batches given to one partition from one reactor are appended in the order of the calls.
  // Completes when the batch has its topic's durability. `memory`, if given, is the block that the batch lies in, all of
  // which may be overwritten but the batch: one of kLinkedBatchBytesMin and more whose place in it is kBatchPlace into a
  // disk block, and which came to the partition's own reactor, is written from there without a copy.
  static constexpr size_t kBatchPlace = kFrameHeaderBytes;
  static constexpr size_t kLinkedBatchBytesMin = LogWriter::kLinkBytesMin;
  Task<Result<AppendResult>> append(PartitionKey key, std::span<std::byte> batch,
                                    const Buffer* memory = nullptr);

  // A new producer's identity: no other has had the id or will have it, whatever crashes. Who has one already, and gives
  // it, gets the next epoch of it while there is one. Error::fenced, closed and so on: the catalog cannot be written.
  Task<Result<ProducerIdentity>> init_producer(std::optional<ProducerIdentity> current);

  // The idempotent producers that a partition knows, by id.
  Task<Result<PartitionProducers::States>> producers(PartitionKey key);

  // Whole batches from the one that holds `offset` on, at most about max_bytes but at least one. Empty at the high
  // watermark. Error::offset_out_of_range outside [log start, high watermark].
  Task<Result<ReadResult>> read(PartitionKey key, Offset offset, size_t max_bytes);

  Task<Result<PartitionOffsets>> offsets(PartitionKey key);
  // As Partition::end_offset_for_epoch().
  Task<Result<EpochEndAndOffsets>> end_of_epoch(PartitionKey key, LeaderEpoch epoch);

  // In which epochs partitions are led: those of all `topics` in one go. `epochs` comes as long as there are
  // partitions; those that were never used are left as they are.
  struct TopicEpochs {
    TopicId topic;
    std::vector<LeaderEpoch> epochs;
  };
  Task<void> read_leader_epochs(std::vector<TopicEpochs>& topics);

  // The first record whose timestamp is at least `timestamp_ms`; nothing if there is none.
  Task<Result<std::optional<OffsetAndTimestamp>>> find_timestamp(PartitionKey key,
                                                                 int64_t timestamp_ms);
  // The record with the greatest timestamp (the first of them); nothing in an empty log.
  Task<Result<std::optional<OffsetAndTimestamp>>> find_max_timestamp(PartitionKey key);

  // For whoever waits on behalf of somebody that may leave.
  struct WaitCancel {
    void cancel() {
      cancelled = true;
      waiting.wake_all();
    }
    bool cancelled = false;
    WaitQueue waiting;
  };

  // Moves the log start; segments below it are recycled. `offset` beyond the high watermark is out of range.
  Task<Result<PartitionOffsets>> truncate_prefix(PartitionKey key, Offset offset);

  // Of every data directory, over all reactors. Empty: the engine is stopping.
  Task<std::vector<DirectoryUsage>> directory_usage();

  // What this reactor's engine counts; at any time. The topics are there from the start's end to the stop.
  Task<EngineFigures> figures();
  RecoveryFigures recovery_figures() const;
  // Of a partition that lives here and has been used; it is not made for this.
  std::optional<PartitionOffsets> local_offsets(const PartitionKey& key) const;

  // The partition itself, for what replication and embedding programs do to it: only through the engine of the reactor
  // it lives on, only there, and done with before that engine's stop(). Error::not_found, closed.
  uint32_t owner_of(const PartitionKey& key) const;
  Result<std::shared_ptr<Partition>> local(const PartitionKey& key);

 private:
  friend class EngineGroup;
  friend class ReadSet;
  // Counts the calls this engine has under way, so that stop() can wait for them.
  class CallGuard {
   public:
    explicit CallGuard(Engine& engine) : engine_(engine) { ++engine_.calls_under_way_; }
    CallGuard(const CallGuard&) = delete;
    CallGuard& operator=(const CallGuard&) = delete;
    ~CallGuard() {
      if (--engine_.calls_under_way_ == 0) engine_.calls_done_.wake_all();
    }

   private:
    Engine& engine_;
  };

  // Opening and closing (engine_start.cc). Reactor 0 leads; the others do as it tells them.
  Task<Result<void>> lead_start();
  Task<Result<void>> plan_start(DirectorySet& set);
  Task<Result<void>> share_out(DirectorySet& set);
  Task<Result<void>> open_catalog();
  Task<Result<void>> read_directories(DirectorySet& set);
  Task<Result<void>> inspect_catalog(const DirectorySet& set);
  Task<Result<void>> create_journals(const DirectorySet& set, uint32_t reactor,
                                     std::vector<JournalState>& shares);
  Task<Result<void>> open_stores();
  Task<void> open_on(uint32_t reactor, Result<void>& result);
  Task<void> open_one(PartitionStore& store, Result<void>& result);
  Task<void> close_stores();
  Task<void> unlock_directories();
  Task<void> set_started(Result<void> result);
  void make_stores(const DirectorySet& set);

  Result<void> known(const PartitionKey& key) const;
  PartitionStore& store_of(const PartitionKey& key) const;
  template <class Function>
  auto on_owner(PartitionKey key, Function function);

  Task<void> read_leader_epochs_here(std::vector<TopicEpochs>& topics) const;
  Task<Result<AppendResult>> append_here(PartitionKey key, std::span<std::byte> batch,
                                         const Buffer* memory);
  Task<Result<std::shared_ptr<const Topic>>> create_topic_here(TopicSpec spec);
  Task<Result<void>> delete_topic_here(TopicId id);
  // Changes to the catalog (engine_catalog.cc); on reactor 0.
  struct Alteration;
  Task<Result<void>> under_catalog_mutex(Task<Result<void>> change);
  Task<Result<void>> alter_topic_locked(TopicId id, const Alteration& alteration);
  Task<Result<void>> alter_quota_locked(const QuotaChange& change);
  Task<Result<void>> alter_node_locked(const std::string& scope, const Alteration& alteration);
  Task<Result<void>> create_partitions_locked(TopicId id, uint32_t count);
  Task<bool> add_usage(std::vector<DirectoryUsage>& usage);
  Task<Result<void>> write_topic(std::shared_ptr<Topic> topic, std::vector<std::byte> record);
  // Ids of producers (engine_producers.cc); the last two on reactor 0.
  Task<Result<int64_t>> new_producer_id();
  Task<Result<int64_t>> reserve_producer_ids();
  Task<int64_t> reserved_producer_ids();
  Task<Result<void>> write_catalog(std::vector<std::byte> record);
  // `changed`: the one topic that differs from the snapshot before; nothing: any may.
  Task<void> publish_catalog(std::shared_ptr<const CatalogSnapshot> snapshot,
                             std::optional<TopicId> changed);
  Task<void> adopt(std::shared_ptr<const CatalogSnapshot> snapshot, std::optional<TopicId> changed);

  Doors& doors_;
  EngineGroup& group_;
  std::shared_ptr<const CatalogSnapshot> catalog_;
  std::vector<std::unique_ptr<PartitionStore>> stores_;  // one per data directory
  size_t primary_ = 0;  // whose catalog counts; it is all reactors', but the log lives on reactor 0
  TopicId directory_id_;
  uint64_t start_began_ns_ = 0;
  uint64_t start_ended_ns_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  std::optional<Result<void>> start_result_;
  WaitQueue started_waiting_;
  // Of those that are reserved in the catalog, this reactor's; given out from the front.
  int64_t next_producer_id_ = 0;
  int64_t producer_ids_end_ = 0;
  FairMutex producer_ids_mutex_;
  uint64_t calls_under_way_ = 0;
  WaitQueue calls_done_;

  // Reactor 0's only.
  std::vector<FileId> locks_;
  FairMutex catalog_mutex_;
  int64_t producer_ids_reserved_ = 0;  // so many, from 0 on
};

// What the engines of one node share: made by main(), before the reactors start.
class EngineGroup {
 public:
  EngineGroup(EngineOptions options, uint32_t reactor_count);
  EngineGroup(const EngineGroup&) = delete;

  const EngineOptions& options() const { return options_; }
  uint32_t reactor_count() const { return static_cast<uint32_t>(engines_.size()); }

 private:
  friend class Engine;
  friend class ReadSet;
  EngineOptions options_;
  Task<void> enlist(uint32_t reactor, Engine* engine);
  Task<void> gather_stopped();
  Task<void> gather_closed();

  // Reactor 0's. It fills the list before it lets any other engine use it.
  std::vector<Engine*> engines_;
  uint32_t enlisted_count_ = 0;
  uint32_t stopped_count_ = 0;
  uint32_t closed_count_ = 0;
  WaitQueue gathering_;
};

}  // namespace penstock
