#include "engine/config_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace penstock {
namespace {

using Items = std::vector<std::string>;

Items items_of(std::string_view text) {
  Items items;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

// A megabyte of commas from one client must not take a reactor's minute.
constexpr size_t kItemsMax = 1000;

Result<std::string> edited(const std::string& before, const ConfigChange& change,
                           std::string& what) {
  Items items = items_of(before);
  const Items given = items_of(change.value);
  if (items.size() + given.size() > kItemsMax) {
    what = fmt::format("A list has at most {} items: {}", kItemsMax, change.name);
    return Error::invalid_argument;
  }
  for (const std::string& item : given) {
    std::erase(items, item);
    if (change.operation == ConfigChange::Operation::append) items.push_back(item);
  }
  return fmt::format("{}", fmt::join(items, ","));
}

Result<void> apply_one(const ConfigChange& change, const TopicConfigEntry& entry,
                       const TopicConfig& defaults, TopicConfig::Entries& entries,
                       std::string& what) {
  switch (change.operation) {
    case ConfigChange::Operation::set: entries[change.name] = change.value; return {};
    case ConfigChange::Operation::remove: entries.erase(change.name); return {};
    case ConfigChange::Operation::append:
    case ConfigChange::Operation::subtract: break;
  }
  if (entry.type != ConfigType::list) {
    what = fmt::format("{} is not a list: nothing can be appended or subtracted", change.name);
    return Error::invalid_argument;
  }
  const auto found = entries.find(change.name);
  const std::string before = found == entries.end() ? entry.get(defaults) : found->second;
  Result<std::string> after = edited(before, change, what);
  if (!after.ok()) return after.error();
  entries[change.name] = std::move(after).value();
  return {};
}

}  // namespace

Result<TopicConfig::Entries> ConfigChanges::apply_to(const TopicConfig::Entries& entries, Find find,
                                                     const TopicConfig& defaults,
                                                     std::string& what) const {
  TopicConfig::Entries result;
  if (!replaces_all) result = entries;
  for (const ConfigChange& change : changes) {
    const TopicConfigEntry* const entry = find(change.name);
    if (entry == nullptr) {
      what = fmt::format("Unknown configuration: {}", change.name.substr(0, 100));
      return Error::invalid_argument;
    }
    const Result<void> applied = apply_one(change, *entry, defaults, result, what);
    if (!applied.ok()) return applied.error();
  }
  return result;
}

}  // namespace penstock
