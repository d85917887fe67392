// Configurations as clients are told of them: each value with its source, and the names it could come from.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/kafka/broker_config.h"
#include "net/kafka/messages/describe_configs.h"

namespace penstock::kafka {

// As on the wire.
enum class ResourceType : int8_t { topic = 2, broker = 4, broker_logger = 8 };
enum class ConfigSource : int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_value = 5,
};

// Keeps the texts that its descriptions refer to; lives as long as they do. On one reactor.
class ConfigDescriber {
 public:
  using Config = DescribeConfigsResponse::Config;
  using Keys = std::optional<std::vector<std::string_view>>;  // nothing: all

  struct Options {
    bool synonyms = false;
    bool documentation = false;
  };
  ConfigDescriber(const Engine& engine, const BrokerConfig& config, int32_t node_id,
                  Options options);

  std::vector<Config> topic(const TopicConfig::Entries& entries, const TopicConfig& config,
                            const Keys& keys);
  // With `all_nodes`, only what was changed for every node.
  std::vector<Config> broker(bool all_nodes, const Keys& keys);

 private:
  using Synonyms = std::vector<DescribeConfigsResponse::Synonym>;

  Config topic_entry(const TopicConfigEntry& entry, const TopicConfig::Entries& entries,
                     const TopicConfig& config);
  Config broker_property(const BrokerProperty& property, bool all_nodes);
  Synonyms node_synonyms(std::string_view name);
  void add_changed(std::string_view scope, std::string_view name, ConfigSource source,
                   Synonyms& synonyms);
  void finish(Config& config, Synonyms synonyms, std::string_view doc) const;
  std::string_view keep(std::string text);

  const Engine& engine_;
  const BrokerConfig& config_;
  const std::string node_id_;
  const Options options_;
  std::deque<std::string> texts_;
};

}  // namespace penstock::kafka
