#include "engine/partition_store.h"

#include <algorithm>
#include <optional>

#include "engine/data_directory.h"

namespace penstock {
namespace {
constexpr uint64_t kSweepIntervalNs = 1'000'000'000;
constexpr uint64_t kCheckpointBytesMin = 128 << 10;
constexpr uint64_t kCheckpointBytesMax = 32 << 20;
constexpr size_t kPartitionsPerTurn = 256;  // looked at before others have their turn
constexpr size_t kOpeningMax =
    64;  // partitions opened at one time: each has a buffer and a few reads
}  // namespace

PartitionStore::PartitionStore(Doors& doors, Options options)
    : doors_(doors),
      options_(std::move(options)),
      flushes_(doors, options_.flushes, *this),
      journal_(doors, options_.directory,
               {options_.directory_id, options_.incarnation, doors.scheduler.reactor_index()},
               flushes_, *this),
      files_(doors, options_.directory + "/segments", options_.directory_id, journal_, flushes_,
             *this, options_.files),
      blocks_(doors, options_.blocks),
      queue_(doors, options_.writes),
      open_segments_(doors, options_.open_segments),
      wakes_(doors.scheduler, doors.clock),
      producers_(journal_, options_.producers),
      services_{doors,   journal_, files_,  queue_, flushes_,   open_segments_,
                blocks_, wakes_,   placed_, reads_, producers_, *this},
      cleaner_(services_, partitions_, options_.cleaner) {
  sweep_timer_.owner = this;
  sweep_timer_.fire = [](Timer& timer) {
    PartitionStore& store = *static_cast<PartitionStore*>(timer.owner);
    store.tasks_.spawn(store.sweep());
  };
  retention_timer_.owner = this;
  retention_timer_.fire = [](Timer& timer) {
    PartitionStore& store = *static_cast<PartitionStore*>(timer.owner);
    store.tasks_.spawn(store.enforce_retention());
  };
  cleaner_timer_.owner = this;
  cleaner_timer_.fire = [](Timer& timer) {
    PartitionStore& store = *static_cast<PartitionStore*>(timer.owner);
    store.tasks_.spawn(store.clean());
  };
}

PartitionStore::~PartitionStore() {
  check(partitions_.empty() && !sweep_timer_.armed() && !retention_timer_.armed());
  check(!cleaner_timer_.armed());
}

Task<Result<void>> PartitionStore::create_journal(JournalState state) {
  found_count_ = state.partitions.size();
  const Result<void> opened = co_await flushes_.open(lock_path(options_.directory));
  if (!opened.ok()) co_return opened.error();
  const Result<void> created = co_await journal_.create(std::move(state));
  if (created.ok()) files_.begin();
  co_return created;
}

Task<Result<void>> PartitionStore::inspect(const PartitionState& state) {
  Partition partition(services_, state, TopicConfig{});
  co_return co_await partition.inspect();
}

Task<Result<void>> PartitionStore::open() {
  for (const auto& [key, state] : journal_.state().partitions) {
    auto partition = std::make_shared<Partition>(services_, state, TopicConfig{});
    partitions_[key] = partition;
  }
  std::vector<std::shared_ptr<Partition>> waiting;
  for (const auto& [key, partition] : partitions_) waiting.push_back(partition);
  TaskGroup opening;
  for (size_t i = 0; i < kOpeningMax; ++i) opening.spawn(open_in_turn(waiting));
  co_await opening.wait_empty();
  co_await doors_.scheduler.yield();  // the last one that woke us is still on the stack
  // Damage is a partition's own. A failed flush or journal write is not: what others kept may be gone.
  for (const auto& [key, partition] : partitions_) {
    const Result<void> usable = partition->usable();
    if (!usable.ok() && usable.error() != Error::corrupt) co_return usable.error();
  }
  co_await sweep();
  arm(retention_timer_, options_.retention_interval_ns);
  if (options_.cleaner.enabled) arm(cleaner_timer_, options_.cleaner.interval_ns);
  co_return Result<void>();
}

Task<void> PartitionStore::open_in_turn(std::vector<std::shared_ptr<Partition>>& waiting) {
  while (!waiting.empty()) {
    std::shared_ptr<Partition> partition = std::move(waiting.back());
    waiting.pop_back();
    const std::shared_ptr<Partition> opened = partition;
    co_await open_partition(std::move(partition));
    ++opened_count_;
    if (!opened->usable().ok()) ++refused_count_;
  }
}

// A partition that fails has said so, and refuses.
Task<void> PartitionStore::open_partition(std::shared_ptr<Partition> partition) {
  (void)co_await partition->open();
}

std::shared_ptr<Partition> PartitionStore::find(const PartitionKey& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? nullptr : found->second;
}

std::shared_ptr<Partition> PartitionStore::get(const PartitionKey& key, const TopicConfig& config) {
  if (closing_) return nullptr;
  std::shared_ptr<Partition>& partition = partitions_[key];
  if (!partition) {
    PartitionState state;
    state.key = key;
    partition = std::make_shared<Partition>(services_, state, config);
    tasks_.spawn(open_partition(partition));  // nothing to wait for in an empty one
  }
  return partition;
}

Task<void> PartitionStore::remove(const PartitionKey& key) {
  const std::shared_ptr<Partition> partition = find(key);
  if (!partition) co_return;
  partitions_.erase(key);
  co_await partition->close(true);
}

void PartitionStore::add_to(RecoveryFigures& recovery) const {
  recovery.partition_count += found_count_;
  recovery.opened_count += opened_count_;
  recovery.refused_count += refused_count_;
}

void PartitionStore::add_to(EngineFigures& figures) const {
  figures.flushes.failure_count += flushes_.figures().failure_count;
  figures.flushes.durations.add(flushes_.figures().durations);
  const BlockCacheFigures& blocks = blocks_.figures();
  figures.blocks.hit_count += blocks.hit_count;
  figures.blocks.miss_count += blocks.miss_count;
  figures.blocks.read_ahead_count += blocks.read_ahead_count;
  figures.blocks.kept_bytes += blocks_.kept_bytes();
  figures.placed.bytes += placed_.bytes;
  figures.placed.linked_bytes += placed_.linked_bytes;
  figures.reads.memory_count += reads_.memory_count;
  figures.reads.disk_count += reads_.disk_count;
  const CleanerFigures& cleaner = cleaner_.figures();
  figures.cleaner.pass_count += cleaner.pass_count;
  figures.cleaner.failed_count += cleaner.failed_count;
  figures.cleaner.read_bytes += cleaner.read_bytes;
  figures.cleaner.written_bytes += cleaner.written_bytes;
  figures.cleaner.removed_record_count += cleaner.removed_record_count;
  figures.cleaner.replaced_segment_count += cleaner.replaced_segment_count;
  figures.cleaner.key_bytes += cleaner.key_bytes;
  figures.cleaner.refused_partition_count += cleaner.refused_partition_count;
  figures.tail_bytes += queue_.tail_bytes();
  figures.writes_in_flight_bytes += queue_.in_flight_bytes();
  figures.open_segment_count += open_segments_.open_count();
  figures.pool_file_count += journal_.state().pool.size();
  for (const auto& [number, file] : journal_.state().pool) figures.pool_bytes += file.file_bytes;
}

std::optional<PartitionKey> PartitionStore::add_topics(
    std::optional<PartitionKey> from, size_t partitions_max,
    std::map<TopicId, TopicFigures>& topics) const {
  auto next = from ? partitions_.lower_bound(*from) : partitions_.begin();
  for (; next != partitions_.end(); ++next) {
    if (partitions_max-- == 0) return next->first;
    const Partition& partition = *next->second;
    if (!partition.usable().ok()) continue;
    const PartitionOffsets offsets = partition.offsets();
    TopicFigures& topic = topics[next->first.topic];
    topic.topic = next->first.topic;
    ++topic.partition_count;
    topic.appended.append_count += partition.figures().append_count;
    topic.appended.record_count += partition.figures().record_count;
    topic.appended.bytes += partition.figures().bytes;
    topic.log_start += offsets.log_start.value;
    topic.log_end += offsets.log_end.value;
    topic.high_watermark += offsets.high_watermark.value;
    topic.size_bytes += partition.log_bytes();
  }
  return std::nullopt;
}

std::vector<PartitionKey> PartitionStore::keys() const {
  std::vector<PartitionKey> keys;
  for (const auto& [key, partition] : partitions_) keys.push_back(key);
  return keys;
}

void PartitionStore::add_sizes(std::map<PartitionKey, uint64_t>& sizes) const {
  for (const auto& [key, partition] : partitions_) sizes[key] = partition->log_bytes();
}

std::vector<PartitionKey> PartitionStore::keys_of(const TopicId& topic) const {
  std::vector<PartitionKey> keys;
  auto next = partitions_.lower_bound(PartitionKey{topic, 0});
  for (; next != partitions_.end() && next->first.topic == topic; ++next) {
    keys.push_back(next->first);
  }
  return keys;
}

void PartitionStore::wake_watchers() {
  for (const auto& [key, partition] : partitions_) partition->tell_watches();
}

// Idle partitions get their checkpoint, and the budget of what recovery may have to scan is shared out anew.
Task<void> PartitionStore::sweep() {
  if (closing_) co_return;
  const uint64_t share = options_.scan_bytes_max / 2 / std::max<size_t>(partitions_.size(), 1);
  services_.checkpoint_bytes = std::clamp(share, kCheckpointBytesMin, kCheckpointBytesMax);
  for (const auto& [key, partition] : partitions_) partition->checkpoint_if_idle();
  co_await files_.release_when_scarce();
  arm(sweep_timer_, kSweepIntervalNs);
}

void PartitionStore::arm(Timer& timer, uint64_t delay_ns) {
  if (!closing_) doors_.clock.arm(timer, doors_.clock.monotonic_ns() + delay_ns);
}

// What is due in one stretch of partitions is done side by side, so that they share the journal's writes; a stretch at
// a time, so that appends have the disk most of the time. A partition with nothing to drop costs a look at its first
// segment.
Task<void> PartitionStore::enforce_retention() {
  std::optional<PartitionKey> last;
  for (;;) {
    if (closing_) co_return;
    TaskGroup under_way;
    size_t seen = 0;
    auto next = last ? partitions_.upper_bound(*last) : partitions_.begin();
    for (; next != partitions_.end() && seen < kPartitionsPerTurn; ++next, ++seen) {
      last = next->first;
      next->second->expire_producers();
      if (next->second->retention_due()) under_way.spawn(enforce_retention_on(next->second));
    }
    co_await under_way.wait_empty();
    co_await doors_.scheduler.yield();
    if (seen == 0) break;
  }
  arm(retention_timer_, options_.retention_interval_ns);
}

Task<void> PartitionStore::clean() {
  co_await cleaner_.clean();
  arm(cleaner_timer_, options_.cleaner.interval_ns);
}

Task<void> PartitionStore::enforce_retention_on(std::shared_ptr<Partition> partition) {
  co_await partition->enforce_retention();
}

void PartitionStore::fence_unflushed(Error error) {
  for (const auto& [key, partition] : partitions_) {
    if (partition->has_unflushed()) partition->fence(error);
  }
}

Task<void> PartitionStore::close() {
  closing_ = true;
  doors_.clock.cancel(sweep_timer_);
  doors_.clock.cancel(retention_timer_);
  doors_.clock.cancel(cleaner_timer_);
  cleaner_.stop();
  TaskGroup closing;
  for (const auto& [key, partition] : partitions_) closing.spawn(partition->close());
  co_await closing.wait_empty();
  co_await tasks_.wait_empty();
  do {
    co_await doors_.scheduler.yield();
  } while (!wakes_.empty());
  partitions_.clear();
  co_await blocks_.close();
  co_await open_segments_.close();
  co_await journal_.close();
  co_await flushes_.close();
}

}  // namespace penstock
