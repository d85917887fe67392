#include "engine/engine.h"

#include <algorithm>

#include "engine/catalog.h"
#include "engine/partition_store.h"
#include "engine/record_batch.h"

namespace penstock {

EngineGroup::EngineGroup(EngineOptions options, uint32_t reactor_count)
    : options_(std::move(options)), engines_(reactor_count) {}

Engine::Engine(Doors& doors, EngineGroup& group)
    : doors_(doors), group_(group), catalog_(std::make_shared<CatalogSnapshot>()) {}

const EngineOptions& Engine::options() const { return group_.options(); }

Engine::~Engine() { check(stores_.empty() && calls_under_way_ == 0); }

uint32_t Engine::owner_of(const PartitionKey& key) const {
  return reactor_of(key, group_.reactor_count());
}

Result<void> Engine::known(const PartitionKey& key) const {
  if (!started_ || stopping_) return Error::closed;
  const Topic* topic = catalog_->find(key.topic);
  if (topic == nullptr || key.partition >= topic->partition_count) return Error::not_found;
  return {};
}

Result<std::shared_ptr<Partition>> Engine::local(const PartitionKey& key) {
  const Result<void> exists = known(key);
  if (!exists.ok()) return exists.error();
  std::shared_ptr<Partition> partition = store_of(key).get(key, catalog_->find(key.topic)->config);
  if (!partition) return Error::closed;
  return partition;
}

// Where it is; a new one goes to where the fewest are. (Not to where the fewest bytes are: a new topic's partitions have
// none, and would all go to one disk.)
PartitionStore& Engine::store_of(const PartitionKey& key) const {
  PartitionStore* best = nullptr;
  for (const auto& store : stores_) {
    if (store->find(key)) return *store;
    const bool better =
        best == nullptr || (best->failed() && !store->failed()) ||
        (best->failed() == store->failed() && store->partition_count() < best->partition_count());
    if (better) best = store.get();
  }
  return *best;
}

// Runs `function(engine of the owner)` on the owner's reactor.
template <class Function>
auto Engine::on_owner(PartitionKey key, Function function) {
  const uint32_t owner = owner_of(key);
  Engine* const engine = group_.engines_[owner];
  return call_on(doors_.scheduler, owner, [engine, function] { return function(*engine); });
}

Task<Result<AppendResult>> Engine::append(PartitionKey key, std::span<std::byte> batch,
                                          const Buffer* memory) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(
      key, [key, batch, memory](Engine& owner) { return owner.append_here(key, batch, memory); });
}

Task<Result<AppendResult>> Engine::append_here(PartitionKey key, std::span<std::byte> batch,
                                               const Buffer* memory) {
  Result<std::shared_ptr<Partition>> partition = local(key);
  if (!partition.ok()) co_return partition.error();
  RecordBatch::Rules rules;
  rules.produced = false;  // only a view: the edge has checked it
  rules.crc = false;
  rules.records = false;
  const ParsedBatch parsed = RecordBatch::parse(batch, rules);
  if (!parsed.ok()) co_return Error::invalid_argument;
  NewFrame frame;
  frame.payload = batch;
  frame.memory = memory;
  frame.record_count = parsed.value().record_count();
  frame.offset_span = parsed.value().last_offset_delta() + 1;
  frame.max_timestamp_ms = parsed.value().header_max_timestamp_ms();
  if (parsed.value().has_producer()) {
    frame.producer = {parsed.value().producer_id(), parsed.value().producer_epoch(),
                      parsed.value().base_sequence()};
  }
  co_return co_await partition.value()->append(frame);
}

namespace {

Task<Result<ReadResult>> read_here(Result<std::shared_ptr<Partition>> partition, Offset offset,
                                   size_t max_bytes) {
  if (!partition.ok()) co_return partition.error();
  co_return co_await partition.value()->read(offset, max_bytes);
}

Task<Result<PartitionOffsets>> offsets_here(Result<std::shared_ptr<Partition>> partition) {
  if (!partition.ok()) co_return partition.error();
  const Result<void> usable = partition.value()->usable();
  if (!usable.ok()) co_return usable.error();
  co_return partition.value()->offsets();
}

Task<Result<EpochEndAndOffsets>> end_of_epoch_here(Result<std::shared_ptr<Partition>> partition,
                                                   LeaderEpoch epoch) {
  if (!partition.ok()) co_return partition.error();
  const Result<void> usable = partition.value()->usable();
  if (!usable.ok()) co_return usable.error();
  co_return EpochEndAndOffsets{partition.value()->end_offset_for_epoch(epoch),
                               partition.value()->offsets()};
}

Task<Result<std::optional<OffsetAndTimestamp>>> find_timestamp_here(
    Result<std::shared_ptr<Partition>> partition, std::optional<int64_t> timestamp_ms) {
  if (!partition.ok()) co_return partition.error();
  if (timestamp_ms) co_return co_await partition.value()->find_timestamp(*timestamp_ms);
  co_return co_await partition.value()->find_max_timestamp();
}

Task<Result<PartitionProducers::States>> producers_here(
    Result<std::shared_ptr<Partition>> partition) {
  if (!partition.ok()) co_return partition.error();
  const Result<void> usable = partition.value()->usable();
  if (!usable.ok()) co_return usable.error();
  co_return partition.value()->producers();
}

Task<Result<PartitionOffsets>> truncate_prefix_here(Result<std::shared_ptr<Partition>> partition,
                                                    Offset offset) {
  if (!partition.ok()) co_return partition.error();
  const Result<void> done = co_await partition.value()->truncate_prefix(offset);
  if (!done.ok()) co_return done.error();
  co_return partition.value()->offsets();
}

}  // namespace

Task<Result<ReadResult>> Engine::read(PartitionKey key, Offset offset, size_t max_bytes) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(key, [key, offset, max_bytes](Engine& owner) {
    return read_here(owner.local(key), offset, max_bytes);
  });
}

Task<Result<PartitionOffsets>> Engine::offsets(PartitionKey key) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(key, [key](Engine& owner) { return offsets_here(owner.local(key)); });
}

Task<Result<EpochEndAndOffsets>> Engine::end_of_epoch(PartitionKey key, LeaderEpoch epoch) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(
      key, [key, epoch](Engine& owner) { return end_of_epoch_here(owner.local(key), epoch); });
}

Task<void> Engine::read_leader_epochs(std::vector<TopicEpochs>& topics) {
  if (!started_ || stopping_) co_return;
  const CallGuard guard(*this);
  for (uint32_t reactor = 0; reactor < group_.reactor_count(); ++reactor) {
    Engine* const engine = group_.engines_[reactor];
    co_await call_on(doors_.scheduler, reactor,
                     [engine, &topics] { return engine->read_leader_epochs_here(topics); });
  }
}

Task<void> Engine::read_leader_epochs_here(std::vector<TopicEpochs>& topics) const {
  for (TopicEpochs& topic : topics) {
    for (const auto& store : stores_) {
      store->for_each_of(topic.topic, [&](const PartitionKey& key, const Partition& partition) {
        if (key.partition >= topic.epochs.size()) return;
        topic.epochs[key.partition] = partition.offsets().leader_epoch;
      });
    }
  }
  co_return;
}

Task<Result<PartitionProducers::States>> Engine::producers(PartitionKey key) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(key,
                              [key](Engine& owner) { return producers_here(owner.local(key)); });
}

Task<Result<std::optional<OffsetAndTimestamp>>> Engine::find_timestamp(PartitionKey key,
                                                                       int64_t timestamp_ms) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(key, [key, timestamp_ms](Engine& owner) {
    return find_timestamp_here(owner.local(key), timestamp_ms);
  });
}

Task<Result<std::optional<OffsetAndTimestamp>>> Engine::find_max_timestamp(PartitionKey key) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(
      key, [key](Engine& owner) { return find_timestamp_here(owner.local(key), std::nullopt); });
}

Task<Result<PartitionOffsets>> Engine::truncate_prefix(PartitionKey key, Offset offset) {
  const Result<void> exists = known(key);
  if (!exists.ok()) co_return exists.error();
  const CallGuard guard(*this);
  co_return co_await on_owner(
      key, [key, offset](Engine& owner) { return truncate_prefix_here(owner.local(key), offset); });
}

Task<Result<std::shared_ptr<const Topic>>> Engine::create_topic(TopicSpec spec) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  Engine* const leader = group_.engines_[0];
  TopicSpec* const given = &spec;
  co_return co_await call_on(doors_.scheduler, 0, [leader, given] {
    return leader->create_topic_here(std::move(*given));
  });
}

Task<Result<std::shared_ptr<const Topic>>> Engine::create_topic_here(TopicSpec spec) {
  using Created = std::shared_ptr<const Topic>;
  if (!is_valid_topic_name(spec.name)) co_return Error::invalid_argument;
  if (spec.partition_count == 0) co_return Error::invalid_argument;
  if (spec.partition_count > kPartitionsMax) co_return Error::too_large;
  std::string what;
  const Result<TopicConfig> config = TopicConfig::parse(
      spec.config_entries, what, catalog_->topic_defaults(options().topic_defaults));
  if (!config.ok()) co_return config.error();
  auto topic = std::make_shared<Topic>();
  topic->name = std::move(spec.name);
  topic->partition_count = spec.partition_count;
  topic->config_entries = std::move(spec.config_entries);
  topic->config = config.value();
  // The version and variant bits of a random UUID, as Kafka's topic ids have them.
  topic->id.high = (doors_.random.next() & ~uint64_t{0xF000}) | 0x4000;
  topic->id.low = (doors_.random.next() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);

  co_await catalog_mutex_.lock();
  Result<Created> created = Error::already_exists;
  if (catalog_->find(topic->name) == nullptr) {
    std::vector<std::byte> record = encode_topic_created(*topic);
    const Result<void> written = co_await write_catalog(std::move(record));
    if (written.ok()) {
      auto next = std::make_shared<CatalogSnapshot>(*catalog_);
      next->put(topic);
      std::shared_ptr<const CatalogSnapshot> snapshot = std::move(next);
      co_await publish_catalog(std::move(snapshot), topic->id);
      created = Created(topic);
    } else {
      created = written.error();
    }
  }
  catalog_mutex_.unlock();
  co_return created;
}

Task<Result<void>> Engine::delete_topic(TopicId id) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  Engine* const leader = group_.engines_[0];
  co_return co_await call_on(doors_.scheduler, 0,
                             [leader, id] { return leader->delete_topic_here(id); });
}

Task<Result<void>> Engine::delete_topic_here(TopicId id) {
  co_await catalog_mutex_.lock();
  Result<void> deleted = Error::not_found;
  if (catalog_->find(id) != nullptr) {
    std::vector<std::byte> record = encode_topic_deleted(id);
    deleted = co_await write_catalog(std::move(record));
    if (deleted.ok()) {
      auto next = std::make_shared<CatalogSnapshot>(*catalog_);
      next->remove(id);
      std::shared_ptr<const CatalogSnapshot> snapshot = std::move(next);
      co_await publish_catalog(std::move(snapshot), id);
    }
  }
  catalog_mutex_.unlock();
  co_return deleted;
}

// Flushed when done, and below a checkpoint, so that damage to it can never look like a torn tail.
Task<Result<void>> Engine::write_catalog(std::vector<std::byte> record) {
  const std::shared_ptr<Partition> log = stores_[primary_]->get(kCatalogPartition, TopicConfig{});
  if (!log) co_return Error::closed;
  NewFrame frame;
  frame.kind = FrameKind::opaque;
  frame.payload = record;
  frame.max_timestamp_ms = doors_.clock.wall_ms();
  const Result<AppendResult> appended = co_await log->append(frame);
  if (!appended.ok()) co_return appended.error();
  log->checkpoint_if_idle();
  co_return Result<void>();
}

Task<void> Engine::publish_catalog(std::shared_ptr<const CatalogSnapshot> snapshot,
                                   std::optional<TopicId> changed) {
  for (uint32_t reactor = 0; reactor < group_.reactor_count(); ++reactor) {
    Engine* const engine = group_.engines_[reactor];
    const auto adopt = [engine, snapshot, changed] { return engine->adopt(snapshot, changed); };
    co_await call_on(doors_.scheduler, reactor, adopt);
  }
}

// Partitions whose topic is gone give up their files; the others take their topic's configuration. After a change to
// one topic only its partitions are looked at: another's ten thousand do not make it slower.
Task<void> Engine::adopt(std::shared_ptr<const CatalogSnapshot> snapshot,
                         std::optional<TopicId> changed) {
  catalog_ = std::move(snapshot);
  for (const auto& store : stores_) {
    const std::vector<PartitionKey> keys = changed ? store->keys_of(*changed) : store->keys();
    for (const PartitionKey& key : keys) {
      if (key == kCatalogPartition) continue;
      const Topic* topic = catalog_->find(key.topic);
      const std::shared_ptr<Partition> partition = store->find(key);
      if (!partition) continue;
      if (topic != nullptr && key.partition < topic->partition_count) {
        partition->set_config(topic->config);
      } else {
        co_await store->remove(key);
      }
    }
  }
}

}  // namespace penstock
