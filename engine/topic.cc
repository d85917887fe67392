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

bool is_valid_topic_name(std::string_view name) {
  constexpr size_t kLengthMax = 249;
  if (name.empty() || name.size() > kLengthMax || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace penstock
