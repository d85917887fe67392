// Changes to topics that are there, and to the node: one catalog record each, flushed, then adopted by all reactors.
#include <algorithm>

#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/partition_store.h"

namespace penstock {

// One request to change a configuration, as its caller keeps it.
struct Engine::Alteration {
  ConfigChanges changes;
  bool validate_only = false;
  std::string& what;
};

Task<Result<void>> Engine::under_catalog_mutex(Task<Result<void>> change) {
  co_await catalog_mutex_.lock();
  const Result<void> changed = co_await change;
  catalog_mutex_.unlock();
  co_return changed;
}

Task<Result<void>> Engine::alter_topic(TopicId id, ConfigChanges changes, bool validate_only,
                                       std::string& what) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  const Alteration alteration{std::move(changes), validate_only, what};
  Engine* const leader = group_.engines_[0];
  const Alteration* const given = &alteration;
  co_return co_await call_on(doors_.scheduler, 0, [leader, id, given] {
    return leader->under_catalog_mutex(leader->alter_topic_locked(id, *given));
  });
}

Task<Result<void>> Engine::alter_node(std::string scope, ConfigChanges changes, bool validate_only,
                                      std::string& what) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  const Alteration alteration{std::move(changes), validate_only, what};
  Engine* const leader = group_.engines_[0];
  const Alteration* const given = &alteration;
  const std::string* const whose = &scope;
  co_return co_await call_on(doors_.scheduler, 0, [leader, whose, given] {
    return leader->under_catalog_mutex(leader->alter_node_locked(*whose, *given));
  });
}

Task<Result<void>> Engine::alter_quota(QuotaChange change) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  Engine* const leader = group_.engines_[0];
  const QuotaChange* const given = &change;
  co_return co_await call_on(doors_.scheduler, 0, [leader, given] {
    return leader->under_catalog_mutex(leader->alter_quota_locked(*given));
  });
}

Task<Result<void>> Engine::create_partitions(TopicId id, uint32_t count) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  Engine* const leader = group_.engines_[0];
  co_return co_await call_on(doors_.scheduler, 0, [leader, id, count] {
    return leader->under_catalog_mutex(leader->create_partitions_locked(id, count));
  });
}

// The topic as it is from now on, and the record that says so.
Task<Result<void>> Engine::write_topic(std::shared_ptr<Topic> topic,
                                       std::vector<std::byte> record) {
  const Result<void> written = co_await write_catalog(std::move(record));
  if (!written.ok()) co_return written.error();
  auto next = std::make_shared<CatalogSnapshot>(*catalog_);
  const TopicId id = topic->id;
  next->put(std::move(topic));
  std::shared_ptr<const CatalogSnapshot> snapshot = std::move(next);
  co_await publish_catalog(std::move(snapshot), id);
  co_return Result<void>();
}

Task<Result<void>> Engine::alter_topic_locked(TopicId id, const Alteration& alteration) {
  const Topic* const before = catalog_->find(id);
  if (before == nullptr) co_return Error::not_found;
  const TopicConfig defaults = catalog_->topic_defaults(options().topic_defaults);
  Result<TopicConfig::Entries> entries = alteration.changes.apply_to(
      before->config_entries, find_topic_config, defaults, alteration.what);
  if (!entries.ok()) co_return entries.error();
  const Result<TopicConfig> config = TopicConfig::parse(entries.value(), alteration.what, defaults);
  if (!config.ok()) co_return config.error();
  if (alteration.validate_only || entries.value() == before->config_entries) {
    co_return Result<void>();
  }
  auto topic = std::make_shared<Topic>(*before);
  topic->config_entries = std::move(entries).value();
  topic->config = config.value();
  std::vector<std::byte> record = encode_topic_configured(*topic);
  co_return co_await write_topic(std::move(topic), std::move(record));
}

Task<Result<void>> Engine::alter_node_locked(const std::string& scope,
                                             const Alteration& alteration) {
  const TopicConfig& started_with = options().topic_defaults;
  const auto found = catalog_->node_entries().find(scope);
  const TopicConfig::Entries before =
      found == catalog_->node_entries().end() ? TopicConfig::Entries() : found->second;
  Result<TopicConfig::Entries> entries =
      alteration.changes.apply_to(before, find_topic_config_of_node, started_with, alteration.what);
  if (!entries.ok()) co_return entries.error();
  const Result<TopicConfig> config =
      TopicConfig::parse_of_node(entries.value(), alteration.what, started_with);
  if (!config.ok()) co_return config.error();
  if (alteration.validate_only || entries.value() == before) co_return Result<void>();
  std::vector<std::byte> record = encode_node_configured(scope, entries.value());
  const Result<void> written = co_await write_catalog(std::move(record));
  if (!written.ok()) co_return written.error();
  auto next = std::make_shared<CatalogSnapshot>(*catalog_);
  next->put_node_entries(scope, std::move(entries).value());
  next->parse_again(started_with);
  std::shared_ptr<const CatalogSnapshot> snapshot = std::move(next);
  co_await publish_catalog(std::move(snapshot), std::nullopt);
  co_return Result<void>();
}

Task<Result<void>> Engine::alter_quota_locked(const QuotaChange& change) {
  const ClientQuotas& quotas = catalog_->quotas();
  const auto found = quotas.find(change.entity);
  const QuotaLimits before = found == quotas.end() ? QuotaLimits() : found->second;
  const QuotaLimits limits = change.apply_to(before);
  if (limits == before) co_return Result<void>();
  if (found == quotas.end() && quotas.size() >= kQuotasMax) co_return Error::too_large;
  std::vector<std::byte> record = encode_quota_set(change.entity, limits);
  const Result<void> written = co_await write_catalog(std::move(record));
  if (!written.ok()) co_return written.error();
  auto next = std::make_shared<CatalogSnapshot>(*catalog_);
  next->put_quota(change.entity, limits);
  std::shared_ptr<const CatalogSnapshot> snapshot = std::move(next);
  co_await publish_catalog(std::move(snapshot), kCatalogPartition.topic);  // no topic has changed
  co_return Result<void>();
}

Task<Result<void>> Engine::create_partitions_locked(TopicId id, uint32_t count) {
  const Topic* const before = catalog_->find(id);
  if (before == nullptr) co_return Error::not_found;
  if (count <= before->partition_count) co_return Error::invalid_argument;
  if (count > kPartitionsMax) co_return Error::too_large;
  auto topic = std::make_shared<Topic>(*before);
  topic->partition_count = count;
  std::vector<std::byte> record = encode_partitions_created(*topic);
  co_return co_await write_topic(std::move(topic), std::move(record));
}

// On each reactor in turn.
Task<bool> Engine::add_usage(std::vector<DirectoryUsage>& usage) {
  usage.resize(std::max(usage.size(), stores_.size()));
  for (size_t i = 0; i < stores_.size(); ++i) {
    usage[i].path = stores_[i]->directory();
    usage[i].primary = i == primary_;
    usage[i].failed = usage[i].failed || stores_[i]->failed();
    stores_[i]->add_sizes(usage[i].partitions);
  }
  co_return !stores_.empty();
}

Task<std::vector<DirectoryUsage>> Engine::directory_usage() {
  std::vector<DirectoryUsage> usage;
  if (!started_ || stopping_) co_return usage;
  const CallGuard guard(*this);
  std::vector<DirectoryUsage>* const gathered = &usage;
  for (uint32_t reactor = 0; reactor < group_.reactor_count(); ++reactor) {
    Engine* const engine = group_.engines_[reactor];
    (void)co_await call_on(doors_.scheduler, reactor,
                           [engine, gathered] { return engine->add_usage(*gathered); });
  }
  for (DirectoryUsage& directory : usage) {
    directory.partitions.erase(kCatalogPartition);
    const Result<uint64_t> free_bytes = co_await doors_.disk.free_space(directory.path);
    if (free_bytes.ok()) directory.free_bytes = static_cast<int64_t>(free_bytes.value());
  }
  co_return usage;
}

}  // namespace penstock
