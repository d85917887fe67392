#include "net/kafka/config_description.h"

#include <algorithm>

namespace penstock::kafka {
namespace {

bool wanted(const ConfigDescriber::Keys& keys, std::string_view name) {
  return !keys || std::ranges::find(*keys, name) != keys->end();
}

int8_t code_of(ConfigSource source) { return static_cast<int8_t>(source); }

}  // namespace

ConfigDescriber::ConfigDescriber(const Engine& engine, const BrokerConfig& config, int32_t node_id,
                                 Options options)
    : engine_(engine), config_(config), node_id_(std::to_string(node_id)), options_(options) {}

std::string_view ConfigDescriber::keep(std::string text) {
  return texts_.emplace_back(std::move(text));
}

void ConfigDescriber::add_changed(std::string_view scope, std::string_view name,
                                  ConfigSource source, Synonyms& synonyms) {
  const auto& changed = engine_.catalog().node_entries();
  const auto entries = changed.find(scope);
  if (entries == changed.end()) return;
  const auto found = entries->second.find(std::string(name));
  if (found == entries->second.end()) return;
  synonyms.push_back({name, keep(found->second), code_of(source)});
}

// In the order in which they count.
ConfigDescriber::Synonyms ConfigDescriber::node_synonyms(std::string_view name) {
  Synonyms synonyms;
  const auto names = names_by_unit(name);
  for (const std::string_view each : names) {
    add_changed(node_id_, each, ConfigSource::dynamic_broker, synonyms);
  }
  for (const std::string_view each : names) {
    add_changed("", each, ConfigSource::dynamic_default_broker, synonyms);
  }
  for (const std::string_view each : names) {
    if (const std::string* given = config_.given(each)) {
      synonyms.push_back({config_.find(each)->name, *given, code_of(ConfigSource::static_broker)});
    }
  }
  for (const std::string_view each : names) {
    const BrokerProperty* const property = config_.find(each);
    if (property == nullptr || !property->default_text) continue;
    synonyms.push_back(
        {property->name, *property->default_text, code_of(ConfigSource::default_value)});
  }
  return synonyms;
}

void ConfigDescriber::finish(Config& config, Synonyms synonyms, std::string_view doc) const {
  config.config_source =
      synonyms.empty() ? code_of(ConfigSource::default_value) : synonyms.front().source;
  config.is_default = config.config_source == code_of(ConfigSource::default_value);
  if (options_.synonyms) config.synonyms = std::move(synonyms);
  if (options_.documentation) config.documentation = doc;
}

ConfigDescriber::Config ConfigDescriber::topic_entry(const TopicConfigEntry& entry,
                                                     const TopicConfig::Entries& entries,
                                                     const TopicConfig& config) {
  Config described;
  described.name = entry.name;
  described.value = keep(entry.get(config));
  described.config_type = static_cast<int8_t>(entry.type);
  Synonyms synonyms;
  if (entries.contains(std::string(entry.name))) {
    synonyms.push_back({entry.name, described.value, code_of(ConfigSource::topic)});
  }
  if (!entry.node_name.empty()) {
    const Synonyms of_node = node_synonyms(entry.node_name);
    synonyms.insert(synonyms.end(), of_node.begin(), of_node.end());
  }
  finish(described, std::move(synonyms), entry.doc);
  return described;
}

std::vector<ConfigDescriber::Config> ConfigDescriber::topic(const TopicConfig::Entries& entries,
                                                            const TopicConfig& config,
                                                            const Keys& keys) {
  std::vector<Config> described;
  for (const TopicConfigEntry& entry : topic_config_table()) {
    if (wanted(keys, entry.name)) described.push_back(topic_entry(entry, entries, config));
  }
  return described;
}

ConfigDescriber::Config ConfigDescriber::broker_property(const BrokerProperty& property,
                                                         bool all_nodes) {
  Config described;
  described.name = property.name;
  described.read_only = !property.dynamic();
  described.config_type = static_cast<int8_t>(property.type);
  Synonyms synonyms;
  if (all_nodes) {
    add_changed("", property.name, ConfigSource::dynamic_default_broker, synonyms);
  } else {
    synonyms = node_synonyms(property.name);
  }
  // Finer units win over it: they are told under their own names.
  const auto own =
      std::ranges::find(synonyms, property.name, &DescribeConfigsResponse::Synonym::name);
  synonyms.erase(synonyms.begin(), own);
  if (!synonyms.empty()) described.value = synonyms.front().value;
  finish(described, std::move(synonyms), property.doc);
  return described;
}

std::vector<ConfigDescriber::Config> ConfigDescriber::broker(bool all_nodes, const Keys& keys) {
  std::vector<Config> described;
  for (const BrokerProperty& property : config_.properties()) {
    if (!wanted(keys, property.name)) continue;
    Config one = broker_property(property, all_nodes);
    if (all_nodes && !one.value) continue;
    described.push_back(std::move(one));
  }
  return described;
}

}  // namespace penstock::kafka
