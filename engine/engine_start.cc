// How the engines of a node open its data directories together, and close them. Reactor 0 leads.
#include <fmt/format.h>

#include <set>

#include "engine/catalog.h"
#include "engine/directory_set.h"
#include "engine/engine.h"
#include "engine/partition_store.h"

namespace penstock {

Task<void> EngineGroup::enlist(uint32_t reactor, Engine* engine) {
  engines_[reactor] = engine;
  ++enlisted_count_;
  gathering_.wake_all();
  co_return;
}

// Completes when all engines have arrived here: none has a call under way any more.
Task<void> EngineGroup::gather_stopped() {
  ++stopped_count_;
  gathering_.wake_all();
  while (stopped_count_ < reactor_count()) co_await gathering_.wait();
}

Task<void> EngineGroup::gather_closed() {
  ++closed_count_;
  gathering_.wake_all();
  while (closed_count_ < reactor_count()) co_await gathering_.wait();
}

Task<Result<void>> Engine::start() {
  start_began_ns_ = doors_.clock.monotonic_ns();
  const uint32_t index = doors_.scheduler.reactor_index();
  EngineGroup* const group = &group_;
  Engine* const self = this;
  co_await call_on(doors_.scheduler, 0,
                   [group, index, self] { return group->enlist(index, self); });
  if (index != 0) {
    while (!start_result_) co_await started_waiting_.wait();
    co_return *start_result_;
  }
  while (group_.enlisted_count_ < group_.reactor_count()) co_await group_.gathering_.wait();
  const Result<void> led = co_await lead_start();
  for (uint32_t reactor = 0; reactor < group_.reactor_count(); ++reactor) {
    Engine* const engine = group_.engines_[reactor];
    co_await call_on(doors_.scheduler, reactor, [engine, led] { return engine->set_started(led); });
  }
  co_return led;
}

Task<void> Engine::set_started(Result<void> result) {
  if (!result.ok()) co_await close_stores();
  started_ = result.ok();
  start_ended_ns_ = doors_.clock.monotonic_ns();
  start_result_ = result;
  started_waiting_.wake_all();
}

void Engine::make_stores(const DirectorySet& set) {
  const EngineOptions& options = group_.options();
  for (const FoundDirectory& directory : set.directories) {
    PartitionStore::Options store;
    store.directory = directory.path;
    store.directory_id = directory.contents.meta.directory_id;
    store.incarnation = directory.next_incarnation();
    store.scan_bytes_max = options.scan_bytes_max / set.directories.size();
    store.retention_interval_ns = options.retention_interval_ns;
    store.producers = options.producers;
    store.cleaner.enabled = options.cleaner_enabled;
    store.cleaner.interval_ns = options.cleaner_interval_ns;
    const uint64_t store_count = group_.reactor_count() * options.data_directories.size();
    store.cleaner.compaction.key_bytes_max = options.cleaner_key_bytes_max / store_count;
    if (options.cleaner_bytes_per_second > 0) {
      store.cleaner.bytes_per_second =
          std::max<uint64_t>(options.cleaner_bytes_per_second / store_count, 1);
    }
    store.writes.in_flight_bytes_max = options.in_flight_bytes_max;
    store.flushes.interval_ns = options.flush_interval_ns;
    store.flushes.shared = options.shared_flush;
    store.open_segments.files_max = options.open_files_max / set.directories.size();
    store.files.class_bytes = options.segment_class_bytes;
    store.files.pool_bytes_max = options.pool_bytes_max;
    stores_.push_back(std::make_unique<PartitionStore>(doors_, std::move(store)));
  }
  primary_ = set.primary;
  directory_id_ = set.directories[set.primary].contents.meta.directory_id;
}

Task<Result<void>> Engine::lead_start() {
  DirectorySet set;
  const Result<void> planned = co_await plan_start(set);
  Result<void> done = planned;
  if (done.ok()) done = co_await share_out(set);
  if (done.ok()) done = co_await open_catalog();
  if (!done.ok()) co_await unlock_directories();
  co_return done;
}

Task<void> Engine::unlock_directories() {
  for (const FileId lock : locks_) (void)co_await doors_.disk.close(lock);
  locks_.clear();
}

// Reads only, but for the directories themselves and their locks.
Task<Result<void>> Engine::plan_start(DirectorySet& set) {
  const Result<void> read = co_await read_directories(set);
  if (!read.ok()) co_return read.error();
  Refusal refusal;
  const Result<void> judged = judge(set, refusal);
  if (!judged.ok()) {
    doors_.reporter.report(
        Severity::error,
        fmt::format("the start is refused, and has changed nothing: {}", refusal.reason));
    co_return judged.error();
  }
  make_stores(set);
  co_return co_await inspect_catalog(set);
}

Task<Result<void>> Engine::read_directories(DirectorySet& set) {
  const EngineOptions& options = group_.options();
  const std::vector<std::string>& paths = options.data_directories;
  if (paths.empty() || paths.size() > kDirectoriesMax) {
    doors_.reporter.report(Severity::error,
                           fmt::format("a node has 1 to {} data directories", kDirectoriesMax));
    co_return Error::invalid_argument;
  }
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    if (!seen.insert(path).second) {
      doors_.reporter.report(Severity::error,
                             fmt::format("the data directory {} is given twice", path));
      co_return Error::invalid_argument;
    }
    Refusal refusal;
    const Result<FileId> lock =
        co_await lock_directory(doors_, path, options.lock_patience_ns, refusal);
    if (!lock.ok()) {
      doors_.reporter.report(Severity::error, refusal.reason);
      co_return lock.error();
    }
    locks_.push_back(lock.value());
    Result<DirectoryContents> contents = co_await load_directory(doors_, path, refusal);
    if (!contents.ok()) {
      const std::string reason =
          fmt::format("the data directory {} is refused and left as it is: {}", path,
                      refusal.reason.empty() ? name_of(contents.error()) : refusal.reason.c_str());
      doors_.reporter.report(Severity::error, reason);
      co_return contents.error();
    }
    FoundDirectory directory;
    directory.path = path;
    directory.contents = std::move(contents).value();
    set.directories.push_back(std::move(directory));
  }
  co_return Result<void>();
}

Task<Result<void>> Engine::inspect_catalog(const DirectorySet& set) {
  const FoundDirectory& primary = set.directories[set.primary];
  const auto catalog = primary.contents.state.partitions.find(kCatalogPartition);
  if (catalog == primary.contents.state.partitions.end()) co_return Result<void>();
  const Result<void> sound = co_await stores_[primary_]->inspect(catalog->second);
  if (!sound.ok()) {
    doors_.reporter.report(
        Severity::error,
        fmt::format("the data directory {} is refused and left as it is: its catalog is damaged",
                    primary.path));
  }
  co_return sound;
}

// Each reactor gets its partitions, and the pool in equal shares, in a journal of the new incarnation; then the meta
// block makes them the ones that count; then all open.
Task<Result<void>> Engine::share_out(DirectorySet& set) {
  const uint32_t count = group_.reactor_count();
  std::vector<std::vector<JournalState>> shares(count);  // by reactor and directory
  for (auto& of_reactor : shares) of_reactor.resize(set.directories.size());
  for (size_t i = 0; i < set.directories.size(); ++i) {
    JournalState& state = set.directories[i].contents.state;
    for (auto& [key, partition] : state.partitions) {
      shares[reactor_of(key, count)][i].partitions[key] = std::move(partition);
    }
    for (auto& [key, producers] : state.producers) {
      shares[reactor_of(key, count)][i].producers[key] = std::move(producers);
    }
    uint32_t next = 0;
    for (auto& [number, file] : state.pool) {
      shares[next][i].pool[number] = file;
      next = (next + 1) % count;
    }
  }
  for (uint32_t reactor = 0; reactor < count; ++reactor) {
    Engine* const engine = group_.engines_[reactor];
    const DirectorySet* const its_set = &set;
    std::vector<JournalState>* const share = &shares[reactor];
    const Result<void> created =
        co_await call_on(doors_.scheduler, reactor, [engine, its_set, reactor, share] {
          return engine->create_journals(*its_set, reactor, *share);
        });
    if (!created.ok()) co_return created.error();
  }
  Refusal refusal;
  const Result<void> committed = co_await commit(doors_, set, count, refusal);
  if (!committed.ok()) {
    doors_.reporter.report(Severity::error, refusal.reason);
    co_return committed.error();
  }
  TaskGroup opening;
  std::vector<Result<void>> opened(count);
  for (uint32_t reactor = 0; reactor < count; ++reactor) {
    opening.spawn(open_on(reactor, opened[reactor]));
  }
  co_await opening.wait_empty();
  co_await doors_.scheduler.yield();
  for (const Result<void>& one : opened) {
    if (!one.ok()) co_return one.error();
  }
  co_return Result<void>();
}

// On each reactor.
Task<Result<void>> Engine::create_journals(const DirectorySet& set, uint32_t reactor,
                                           std::vector<JournalState>& shares) {
  if (reactor != 0) make_stores(set);  // reactor 0 has made its own to look at the catalog
  for (size_t i = 0; i < stores_.size(); ++i) {
    const Result<void> created = co_await stores_[i]->create_journal(std::move(shares[i]));
    if (created.ok()) continue;
    doors_.reporter.report(Severity::error,
                           fmt::format("{}: no journal can be written: {}", set.directories[i].path,
                                       name_of(created.error())));
    co_return created.error();
  }
  co_return Result<void>();
}

Task<void> Engine::open_on(uint32_t reactor, Result<void>& result) {
  Engine* const engine = group_.engines_[reactor];
  result = co_await call_on(doors_.scheduler, reactor, [engine] { return engine->open_stores(); });
}

Task<void> Engine::open_one(PartitionStore& store, Result<void>& result) {
  result = co_await store.open();
}

Task<Result<void>> Engine::open_stores() {
  TaskGroup opening;
  std::vector<Result<void>> opened(stores_.size());
  for (size_t i = 0; i < stores_.size(); ++i) opening.spawn(open_one(*stores_[i], opened[i]));
  co_await opening.wait_empty();
  co_await doors_.scheduler.yield();
  for (const Result<void>& one : opened) {
    if (!one.ok()) co_return one.error();
  }
  co_return Result<void>();
}

Task<Result<void>> Engine::open_catalog() {
  auto catalog = std::make_shared<CatalogSnapshot>();
  const std::shared_ptr<Partition> log = stores_[primary_]->get(kCatalogPartition, TopicConfig{});
  // An empty catalog would be the end of all partitions: it must be one that could be read.
  const Result<void> usable = log->usable();
  if (!usable.ok()) co_return usable.error();
  Offset offset = log->offsets().log_start;
  while (offset < log->offsets().high_watermark) {
    constexpr size_t kReadBytes = 256 << 10;
    const Result<ReadResult> read = co_await log->read(offset, kReadBytes);
    if (!read.ok()) co_return read.error();
    std::vector<std::byte> bytes;
    for (const ReadSlice& slice : read.value().slices) {
      bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
    }
    const Result<void> applied =
        apply_catalog_records(bytes, group_.options().topic_defaults, *catalog);
    if (!applied.ok() || read.value().next_offset == offset) {
      doors_.reporter.report(Severity::error,
                             fmt::format("the catalog cannot be read at offset {}", offset.value));
      co_return applied.ok() ? Error::corrupt : applied.error();
    }
    offset = read.value().next_offset;
  }
  producer_ids_reserved_ = catalog->producer_ids_reserved;
  std::shared_ptr<const CatalogSnapshot> snapshot = std::move(catalog);
  co_await publish_catalog(std::move(snapshot), std::nullopt);
  co_return Result<void>();
}

Task<void> Engine::close_stores() {
  for (const auto& store : stores_) co_await store->close();
  stores_.clear();
}

void Engine::begin_stop() {
  stopping_ = true;
  for (const auto& store : stores_) store->wake_watchers();
}

// No engine closes its store before all have stopped calling each other's.
Task<void> Engine::stop() {
  if (!started_) co_return;
  begin_stop();
  while (calls_under_way_ > 0) co_await calls_done_.wait();
  co_await doors_.scheduler.yield();
  EngineGroup* const group = &group_;
  co_await call_on(doors_.scheduler, 0, [group] { return group->gather_stopped(); });
  co_await close_stores();
  started_ = false;
  // The lock goes last, when every reactor's share is closed.
  co_await call_on(doors_.scheduler, 0, [group] { return group->gather_closed(); });
  co_await unlock_directories();
}

}  // namespace penstock
