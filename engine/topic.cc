#include "engine/topic.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace penstock {
namespace {

std::optional<int64_t> parse_integer(const std::string& text, int64_t low, int64_t high) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

std::optional<Durability> parse_durability(const std::string& text) {
  if (text == "flushed") return Durability::flushed;
  if (text == "written") return Durability::written;
  if (text == "buffered") return Durability::buffered;
  return std::nullopt;
}

bool set_integer(int64_t& field, const std::string& value, int64_t low) {
  const std::optional<int64_t> parsed = parse_integer(value, low, INT64_MAX);
  if (parsed) field = *parsed;
  return parsed.has_value();
}

// One entry into its field; false if the name is unknown or the value is not one of its.
bool set_entry(TopicConfig& config, const std::string& name, const std::string& value) {
  if (name == "penstock.durability") {
    const std::optional<Durability> durability = parse_durability(value);
    if (durability) config.durability = *durability;
    return durability.has_value();
  }
  if (name == "max.message.bytes") {
    const std::optional<int64_t> bytes = parse_integer(value, 0, kMaxMessageBytesLimit);
    if (bytes) config.max_message_bytes = static_cast<uint32_t>(*bytes);
    return bytes.has_value();
  }
  if (name == "segment.bytes") {
    const std::optional<int64_t> bytes = parse_integer(value, 14, INT32_MAX);
    if (bytes) config.segment_bytes = static_cast<uint64_t>(*bytes);
    return bytes.has_value();
  }
  if (name == "retention.ms") return set_integer(config.retention_ms, value, -1);
  if (name == "retention.bytes") return set_integer(config.retention_bytes, value, -1);
  if (name == "segment.ms") return set_integer(config.segment_ms, value, 1);
  if (name == "cleanup.policy") return value == "delete";
  if (name == "message.timestamp.type") {
    config.log_append_time = value == "LogAppendTime";
    return config.log_append_time || value == "CreateTime";
  }
  return false;
}

}  // namespace

Result<TopicConfig> TopicConfig::parse(const std::map<std::string, std::string>& entries,
                                       std::string& what, const TopicConfig& defaults) {
  TopicConfig config = defaults;
  for (const auto& [name, value] : entries) {
    if (set_entry(config, name, value)) continue;
    what = "Invalid value " + value + " for configuration " + name;
    return Error::invalid_argument;
  }
  return config;
}

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
