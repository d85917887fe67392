// What may be set of a node under Kafka's property names, and what was set when it was started.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

// What the properties say, as the parts of a node take it.
struct BrokerSettings {
  EngineOptions engine;
  ServerOptions server;
  ConnectionLimits connections;
  QuotaSettings quotas;
  // As given; empty: not.
  std::string log_dirs;
  std::string listeners;
  std::string advertised_listeners;
};

struct BrokerProperty {
  enum class Effect : uint8_t {
    full,
    none,   // accepted for the sake of files made for Kafka; `doc` says why it does nothing
    fixed,  // there is one value; any other would be a promise that is not kept
  };

  std::string_view name;
  ConfigType type = ConfigType::string;
  std::optional<std::string_view> default_text;  // nothing: no value unless it is given
  std::string_view values;
  std::string_view doc;
  Effect effect = Effect::full;
  bool (*set)(BrokerSettings& settings, std::string_view text) = nullptr;
  // Topics' default for this: it may be changed while the node runs.
  const TopicConfigEntry* topic_entry = nullptr;

  bool dynamic() const { return topic_entry != nullptr; }
  bool apply(BrokerSettings& settings, std::string_view text) const;  // false: not a value of it
};

// The table of all properties, and the values that the command line and the file gave. Made before the reactors start;
// read by all of them.
class BrokerConfig {
 public:
  BrokerConfig();
  BrokerConfig(const BrokerConfig&) = delete;

  std::span<const BrokerProperty> properties() const { return properties_; }  // by ascending name
  const BrokerProperty* find(std::string_view name) const;

  // Error::invalid_argument: `what` says why.
  Result<void> give(std::string_view name, std::string_view text, std::string& what);
  const std::string* given(std::string_view name) const;  // null: was not
  // A property that somebody else has parsed and put into effect: to be told of only. Its texts are copied.
  void adopt(BrokerProperty property, const std::optional<std::string>& given);

  // Kafka's defaults, and over them everything that was given.
  BrokerSettings settings() const;
  // A sentence on each property that was given and does nothing.
  std::vector<std::string> warnings() const;

 private:
  std::vector<BrokerProperty> properties_;
  std::map<std::string, std::string, std::less<>> given_;
  std::deque<std::string> adopted_texts_;
};

// The names of one value in its different units, the one that wins first; `name` itself alone where there are no others.
std::span<const std::string_view> names_by_unit(const std::string_view& name);

}  // namespace penstock::kafka
