#include "tools/broker_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {
namespace {

struct Other {
  std::string_view property;
  std::string_view option;
};

// Other spellings of the same.
constexpr std::array<Other, 2> kAliases{
    {{"auto.create.topics.enable", "auto-create-topics"}, {"num.partitions", "num-partitions"}}};
// Options in a form of their own.
constexpr std::array<Other, 4> kRivals{{{"advertised.listeners", "--advertise"},
                                        {"listeners", "--kafka-listen"},
                                        {"log.dir", "--data-dir"},
                                        {"log.dirs", "--data-dir"}}};

std::string names_of(std::string_view property) {
  std::string names = fmt::format("--{}", property);
  for (const Other& alias : kAliases) {
    if (alias.property == property) names += fmt::format(",--{}", alias.option);
  }
  return names;
}

const char* type_name_of(ConfigType type) {
  switch (type) {
    case ConfigType::boolean: return "bool";
    case ConfigType::int32:
    case ConfigType::int64:
    case ConfigType::real: return "number";
    case ConfigType::list: return "list";
    case ConfigType::string: return "text";
  }
  return "text";
}

ConfigType type_of(const std::string& type_name) {
  if (type_name.starts_with("bool")) return ConfigType::boolean;
  if (type_name.starts_with("names") || type_name.starts_with("list")) return ConfigType::list;
  return ConfigType::string;
}

// Options of ours that no property has the name of have none of Kafka's names.
bool is_property_name(const std::string& name) { return name.find('.') != std::string::npos; }

}  // namespace

void adopt_broker_options(const Command& serve, kafka::BrokerConfig& config) {
  for (const CLI::Option* option : std::as_const(serve.app()).get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (!is_property_name(name) || config.find(name) != nullptr) continue;
    const std::string default_text = option->get_default_str();
    const std::string type_name = option->get_type_name();
    const std::string doc = option->get_description();
    kafka::BrokerProperty property;
    property.name = name;
    property.type = type_of(type_name);
    if (!default_text.empty()) property.default_text = default_text;
    property.values = type_name;
    property.doc = doc;
    std::optional<std::string> given;
    if (option->count() > 0) given = fmt::format("{}", fmt::join(option->results(), ","));
    config.adopt(property, given);
  }
}

void add_broker_options(const Command& serve, kafka::BrokerConfig& config) {
  for (const kafka::BrokerProperty& property : config.properties()) {
    const std::string_view name = property.name;
    if (serve.app().get_option_no_throw(fmt::format("--{}", name)) != nullptr) continue;
    const auto give = [&config, name](const std::string& text) {
      std::string what;
      if (!config.give(name, text, what).ok()) refuse(std::string(name), what);
    };
    CLI::Option* const option =
        serve.app()
            .add_option_function<std::string>(names_of(name), give, std::string(property.doc))
            ->type_name(type_name_of(property.type));
    if (property.type == ConfigType::list) option->join(',');
    if (property.default_text && !property.default_text->empty()) {
      option->default_str(std::string(*property.default_text));
    }
    for (const Other& rival : kRivals) {
      if (rival.property == name) option->excludes(std::string(rival.option));
    }
  }
}

}  // namespace penstock
