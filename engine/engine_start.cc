// How the engines of a node open a data directory together, and close it. Reactor 0 leads.
#include <fmt/format.h>

#include "engine/catalog.h"
#include "engine/data_directory.h"
#include "engine/engine.h"
#include "engine/partition_store.h"

namespace penstock {

// Everything that was read before anything is written: a refusal leaves the directory as it is.
struct Engine::StartPlan {
  DirectoryContents contents;
  uint64_t incarnation = 0;
};

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
  if (!result.ok()) co_await close_store();
  started_ = result.ok();
  start_result_ = result;
  started_waiting_.wake_all();
}

void Engine::make_store(TopicId directory_id, uint64_t incarnation) {
  const EngineOptions& options = group_.options();
  PartitionStore::Options store;
  store.directory = options.data_directory;
  store.directory_id = directory_id;
  store.incarnation = incarnation;
  store.scan_bytes_max = options.scan_bytes_max;
  store.retention_interval_ns = options.retention_interval_ns;
  store.writes.in_flight_bytes_max = options.in_flight_bytes_max;
  store.flushes.interval_ns = options.flush_interval_ns;
  store.flushes.shared = options.shared_flush;
  store.files.class_bytes = options.segment_class_bytes;
  store.files.pool_bytes_max = options.pool_bytes_max;
  directory_id_ = directory_id;
  store_ = std::make_unique<PartitionStore>(doors_, std::move(store));
}

Task<Result<void>> Engine::lead_start() {
  StartPlan plan;
  const Result<void> planned = co_await plan_start(plan);
  Result<void> done = planned;
  if (done.ok()) done = co_await share_out(plan);
  if (done.ok()) done = co_await open_catalog();
  if (!done.ok() && lock_.valid()) {
    (void)co_await doors_.disk.close(lock_);
    lock_ = FileId{};
  }
  co_return done;
}

// Reads only, but for the directory itself and its lock.
Task<Result<void>> Engine::plan_start(StartPlan& plan) {
  const EngineOptions& options = group_.options();
  Refusal refusal;
  const Result<FileId> lock =
      co_await lock_directory(doors_, options.data_directory, options.lock_patience_ns, refusal);
  if (!lock.ok()) {
    doors_.reporter.report(Severity::error, refusal.reason);
    co_return lock.error();
  }
  lock_ = lock.value();
  Result<DirectoryContents> contents =
      co_await load_directory(doors_, options.data_directory, refusal);
  if (!contents.ok()) {
    const std::string reason = fmt::format(
        "the data directory {} is refused and left as it is: {}", options.data_directory,
        refusal.reason.empty() ? name_of(contents.error()) : refusal.reason.c_str());
    doors_.reporter.report(Severity::error, reason);
    co_return contents.error();
  }
  plan.contents = std::move(contents).value();
  plan.incarnation = plan.contents.meta.incarnation + 1;
  make_store(plan.contents.meta.directory_id, plan.incarnation);
  const auto catalog = plan.contents.state.partitions.find(kCatalogPartition);
  if (catalog != plan.contents.state.partitions.end()) {
    const Result<void> sound = co_await store_->inspect(catalog->second);
    if (!sound.ok()) {
      doors_.reporter.report(Severity::error,
                             "the data directory is refused and left as it is: its catalog is "
                             "damaged");
      co_return sound.error();
    }
  }
  co_return Result<void>();
}

// Each reactor gets its partitions, and the pool in equal shares, in a journal of the new incarnation; then the meta
// block makes them the ones that count; then all open.
Task<Result<void>> Engine::share_out(StartPlan& plan) {
  const uint32_t count = group_.reactor_count();
  std::vector<JournalState> shares(count);
  for (auto& [key, state] : plan.contents.state.partitions) {
    shares[reactor_of(key, count)].partitions[key] = std::move(state);
  }
  uint32_t next = 0;
  for (auto& [number, file] : plan.contents.state.pool) {
    shares[next].pool[number] = file;
    next = (next + 1) % count;
  }
  const TopicId id = plan.contents.meta.directory_id;
  const uint64_t incarnation = plan.incarnation;
  for (uint32_t reactor = 0; reactor < count; ++reactor) {
    Engine* const engine = group_.engines_[reactor];
    JournalState* const share = &shares[reactor];
    const Result<void> created =
        co_await call_on(doors_.scheduler, reactor, [engine, id, incarnation, share] {
          return engine->create_store(id, incarnation, std::move(*share));
        });
    if (!created.ok()) {
      doors_.reporter.report(
          Severity::error, fmt::format("{}: no journal can be written: {}",
                                       group_.options().data_directory, name_of(created.error())));
      co_return created.error();
    }
  }
  DirectoryMeta meta;
  meta.directory_id = id;
  meta.incarnation = incarnation;
  meta.reactor_count = count;
  const std::string& directory = group_.options().data_directory;
  const Result<void> committed = co_await commit_directory(doors_, directory, meta);
  if (!committed.ok()) {
    doors_.reporter.report(Severity::error, fmt::format("{} cannot be written: {}", directory,
                                                        name_of(committed.error())));
    co_return committed.error();
  }
  co_await clean_directory(doors_, directory, meta, plan.contents.orphans);
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

Task<void> Engine::open_on(uint32_t reactor, Result<void>& result) {
  Engine* const engine = group_.engines_[reactor];
  result = co_await call_on(doors_.scheduler, reactor, [engine] { return engine->open_store(); });
}

Task<Result<void>> Engine::create_store(TopicId directory_id, uint64_t incarnation,
                                        JournalState state) {
  if (!store_) make_store(directory_id, incarnation);
  co_return co_await store_->create_journal(std::move(state));
}

Task<Result<void>> Engine::open_store() { co_return co_await store_->open(); }

Task<Result<void>> Engine::open_catalog() {
  auto catalog = std::make_shared<CatalogSnapshot>();
  const std::shared_ptr<Partition> log = store_->get(kCatalogPartition, TopicConfig{});
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
  std::shared_ptr<const CatalogSnapshot> snapshot = std::move(catalog);
  co_await publish_catalog(std::move(snapshot));
  co_return Result<void>();
}

Task<void> Engine::close_store() {
  if (!store_) co_return;
  co_await store_->close();
  store_.reset();
}

void Engine::begin_stop() {
  stopping_ = true;
  if (store_) store_->wake_watchers();
}

// No engine closes its store before all have stopped calling each other's.
Task<void> Engine::stop() {
  if (!started_) co_return;
  begin_stop();
  while (calls_under_way_ > 0) co_await calls_done_.wait();
  co_await doors_.scheduler.yield();
  EngineGroup* const group = &group_;
  co_await call_on(doors_.scheduler, 0, [group] { return group->gather_stopped(); });
  co_await close_store();
  started_ = false;
  // The lock goes last, when every reactor's share is closed.
  co_await call_on(doors_.scheduler, 0, [group] { return group->gather_closed(); });
  if (lock_.valid()) (void)co_await doors_.disk.close(lock_);
  lock_ = FileId{};
}

}  // namespace penstock
