#include "engine/topic.h"

#include <algorithm>

namespace penstock {

const Topic* CatalogSnapshot::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const Topic* CatalogSnapshot::find(const TopicId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

void CatalogSnapshot::put(TopicPointer topic) {
  by_id_[topic->id] = topic;
  by_name_[topic->name] = std::move(topic);
}

void CatalogSnapshot::remove(const TopicId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  by_name_.erase(found->second->name);
  by_id_.erase(found);
}

TopicConfig CatalogSnapshot::topic_defaults(const TopicConfig& defaults) const {
  TopicConfig config = defaults;
  std::string what;
  for (const auto& [scope, entries] : node_entries_) {
    Result<TopicConfig> changed = TopicConfig::parse_of_node(entries, what, config);
    if (changed.ok()) config = std::move(changed).value();
  }
  return config;
}

void CatalogSnapshot::put_quota(const QuotaEntity& entity, const QuotaLimits& limits) {
  if (quotas_.use_count() > 1) quotas_ = std::make_shared<ClientQuotas>(*quotas_);
  if (limits.empty()) {
    quotas_->erase(entity);
  } else {
    (*quotas_)[entity] = limits;
  }
}

void CatalogSnapshot::put_node_entries(const std::string& scope, TopicConfig::Entries entries) {
  if (entries.empty()) {
    node_entries_.erase(scope);
  } else {
    node_entries_[scope] = std::move(entries);
  }
}

void CatalogSnapshot::parse_again(const TopicConfig& defaults) {
  const TopicConfig own = topic_defaults(defaults);
  for (auto& [name, pointer] : by_name_) {
    auto topic = std::make_shared<Topic>(*pointer);
    std::string what;
    const Result<TopicConfig> config = TopicConfig::parse(topic->config_entries, what, own);
    if (config.ok()) topic->config = config.value();
    by_id_[topic->id] = topic;
    pointer = std::move(topic);
  }
}

bool is_valid_topic_name(std::string_view name) {
  constexpr size_t kLengthMax = 249;
  if (name.empty() || name.size() > kLengthMax || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace penstock
