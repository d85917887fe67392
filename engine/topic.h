// Topics as the catalog knows them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/client_quota.h"
#include "engine/topic_config.h"
#include "engine/types.h"

namespace penstock {

struct Topic {
  TopicId id;
  std::string name;
  uint32_t partition_count = 0;
  std::map<std::string, std::string> config_entries;  // as set; everything else has its default
  TopicConfig config;                                 // parsed from them
};

// Which reactor a partition lives on: the same after every start with as many reactors.
inline uint32_t reactor_of(const PartitionKey& key, uint32_t reactor_count) {
  return static_cast<uint32_t>((key.topic.low + key.partition) % reactor_count);
}

// The catalog at one moment: never changes, shared by all reactors.
class CatalogSnapshot {
 public:
  using TopicPointer = std::shared_ptr<const Topic>;

  const Topic* find(std::string_view name) const;
  const Topic* find(const TopicId& id) const;
  const std::map<std::string, TopicPointer, std::less<>>& topics() const { return by_name_; }

  // As the log had it at the start; reactor 0's engine counts on.
  int64_t producer_ids_reserved = 0;

  // What was changed of the topics' defaults while the node ran, by whom it concerns: "" all nodes, else a node's id.
  // Names are a node's.
  using NodeEntries = std::map<std::string, TopicConfig::Entries, std::less<>>;
  const NodeEntries& node_entries() const { return node_entries_; }
  // What topics have where they say nothing, if the node was started with `defaults`. There is one node, so all
  // entries are its own; the ones by its id win.
  TopicConfig topic_defaults(const TopicConfig& defaults) const;

  const ClientQuotas& quotas() const { return *quotas_; }

  // While it is being made.
  void put(TopicPointer topic);
  void remove(const TopicId& id);
  void put_node_entries(const std::string& scope, TopicConfig::Entries entries);
  // All topics get what they say over `defaults` as they now are.
  void parse_again(const TopicConfig& defaults);
  // Empty limits: it has none any more.
  void put_quota(const QuotaEntity& entity, const QuotaLimits& limits);

 private:
  NodeEntries node_entries_;
  std::map<std::string, TopicPointer, std::less<>> by_name_;
  std::map<TopicId, TopicPointer> by_id_;
  // Shared by the snapshots that follow each other until it is changed.
  std::shared_ptr<ClientQuotas> quotas_ = std::make_shared<ClientQuotas>();
};

// A topic's name as Kafka has it: 1 to 249 of [a-zA-Z0-9._-], and neither "." nor "..".
bool is_valid_topic_name(std::string_view name);

}  // namespace penstock
