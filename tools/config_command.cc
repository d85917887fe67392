#include "tools/config_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/kafka/config_description.h"
#include "net/kafka/messages/describe_configs.h"
#include "net/kafka/messages/incremental_alter_configs.h"
#include "tools/admin_command.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"

namespace penstock {
namespace {

using kafka::KafkaError;
using kafka::ResourceType;
using nlohmann::ordered_json;

// What has a configuration.
struct Target {
  ResourceType type = ResourceType::topic;
  std::string name;  // empty: what all brokers have

  std::string text() const {
    if (type == ResourceType::topic) return "topic " + name;
    return name.empty() ? "all brokers" : "broker " + name;
  }
  bool operator==(const Target&) const = default;
};

struct TargetOptions : AdminOptions {
  std::vector<std::string> topics;
  std::vector<int32_t> brokers;
  bool all_brokers = false;

  void check_targets() const {
    if (topics.empty() && brokers.empty() && !all_brokers) {
      refuse("Of what", "--topic, --broker or --all-brokers says it");
    }
  }
  // Each once.
  std::vector<Target> targets() const {
    std::vector<Target> all;
    const auto add = [&all](Target target) {
      if (std::ranges::find(all, target) == all.end()) all.push_back(std::move(target));
    };
    for (const std::string& topic : topics) add({ResourceType::topic, topic});
    for (const int32_t broker : brokers) add({ResourceType::broker, std::to_string(broker)});
    if (all_brokers) add({ResourceType::broker, ""});
    return all;
  }
};

struct DescribeOptions : TargetOptions {
  std::vector<std::string> names;
  bool defaults = false;
  bool synonyms = false;
  bool docs = false;

  void check() const { check_targets(); }
};

struct AlterOptions : TargetOptions {
  std::vector<std::string> set;
  std::vector<std::string> append;
  std::vector<std::string> subtract;
  std::vector<std::string> remove;
  bool validate_only = false;

  void check() const {
    check_targets();
    (void)changes();
  }

  struct Change {
    int8_t operation = 0;  // as IncrementalAlterConfigs has it
    std::string name;
    std::optional<std::string> value;
  };
  // Refused where they make no sense.
  std::vector<Change> changes() const {
    constexpr int8_t kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3;
    std::vector<Change> all;
    const auto add = [&all](int8_t operation, const std::string& option,
                            const std::vector<std::string>& texts) {
      for (const std::string& text : texts) {
        auto [name, value] = split_config(option, text);
        all.push_back({operation, std::move(name), std::move(value)});
      }
    };
    add(kSet, "--set", set);
    add(kAppend, "--append", append);
    add(kSubtract, "--subtract", subtract);
    for (const std::string& name : remove) all.push_back({kDelete, name, std::nullopt});
    if (all.empty()) {
      refuse("What changes", "--set, --delete, --append or --subtract says it");
    }
    for (const Change& change : all) {
      if (std::ranges::count(all, change.name, &Change::name) == 1) continue;
      refuse(change.name, "it can be changed once at a time");
    }
    return all;
  }
};

// A broker tells, and changes, its own configuration; anyone that of topics, and of all brokers.
KafkaSession* whom_to_ask(KafkaCluster& cluster, const Target& target, std::string& wrong) {
  if (target.type == ResourceType::topic || target.name.empty()) return &cluster.bootstrap();
  if (!cluster.learn_brokers(wrong)) return nullptr;
  return cluster.broker(std::stoi(target.name), wrong);
}

// As Kafka's tools call it.
std::string source_name(int8_t source) {
  switch (source) {
    case 1: return "DYNAMIC_TOPIC_CONFIG";
    case 2: return "DYNAMIC_BROKER_CONFIG";
    case 3: return "DYNAMIC_DEFAULT_BROKER_CONFIG";
    case 4: return "STATIC_BROKER_CONFIG";
    case 5: return "DEFAULT_CONFIG";
    case 6: return "DYNAMIC_BROKER_LOGGER_CONFIG";
    case 7: return "DYNAMIC_CLIENT_METRICS_CONFIG";
    case 8: return "DYNAMIC_GROUP_CONFIG";
    default: return "UNKNOWN";
  }
}

// The first version tells no source, only whether it is the default.
bool is_default(const kafka::DescribeConfigsResponse::Config& config) {
  constexpr int8_t kUntold = -1;
  if (config.config_source == kUntold) return config.is_default;
  return config.config_source == static_cast<int8_t>(kafka::ConfigSource::default_value);
}

ordered_json json_of(const std::optional<std::string_view>& text) {
  return text ? ordered_json(*text) : ordered_json(nullptr);
}

// As objects, or as words for a table.
ordered_json synonyms_of(const kafka::DescribeConfigsResponse::Config& config, bool json) {
  ordered_json all = ordered_json::array();
  for (const auto& synonym : config.synonyms) {
    const std::string source = source_name(synonym.source);
    if (json) {
      all.push_back(
          {{"config", synonym.name}, {"value", json_of(synonym.value)}, {"source", source}});
    } else {
      all.push_back(fmt::format("{}:{}={}", source, synonym.name, synonym.value.value_or("-")));
    }
  }
  return all;
}

ordered_json row_of(const Target& target, const kafka::DescribeConfigsResponse::Config& config,
                    const DescribeOptions& options) {
  ordered_json row{
      {"of", target.text()},
      {"config", config.name},
      {"value", json_of(config.value)},
      {"source", is_default(config) ? "DEFAULT_CONFIG" : source_name(config.config_source)},
      {"read_only", config.read_only},
      {"sensitive", config.is_sensitive}};
  if (options.synonyms) row["synonyms"] = synonyms_of(config, options.json);
  if (options.docs) row["doc"] = json_of(config.documentation);
  return row;
}

// All that it has, or what was asked for by name. Nothing: `wrong` says why.
std::optional<KafkaAnswer<kafka::DescribeConfigsResponse>> ask_configs(
    KafkaCluster& cluster, const Target& target, const DescribeOptions& options,
    std::string& wrong) {
  KafkaSession* const broker = whom_to_ask(cluster, target, wrong);
  if (broker == nullptr) return std::nullopt;
  kafka::DescribeConfigsRequest request;
  kafka::DescribeConfigsRequest::Resource resource;
  resource.resource_type = static_cast<int8_t>(target.type);
  resource.resource_name = target.name;
  if (!options.names.empty()) {
    resource.configuration_keys.emplace(options.names.begin(), options.names.end());
  }
  request.resources.push_back(std::move(resource));
  request.include_synonyms = options.synonyms;
  request.include_documentation = options.docs;
  auto answer = broker->ask<kafka::DescribeConfigsResponse>(request, wrong);
  if (!answer) return std::nullopt;
  if (answer->message.results.empty()) {
    wrong = fmt::format("{}: nothing is told of it", target.text());
    return std::nullopt;
  }
  const auto& result = answer->message.results.front();
  if (result.error_code == KafkaError::none) return answer;
  wrong = refusal_text(target.text(), result.error_code, result.error_message);
  return std::nullopt;
}

bool describe_one(KafkaCluster& cluster, const Target& target, const DescribeOptions& options,
                  ordered_json& rows, std::string& wrong) {
  auto answer = ask_configs(cluster, target, options, wrong);
  if (!answer) return false;
  auto& configs = answer->message.results.front().configs;
  using Config = kafka::DescribeConfigsResponse::Config;
  for (const std::string& name : options.names) {
    if (std::ranges::find(configs, name, &Config::name) != configs.end()) continue;
    wrong = fmt::format("{} has no config {}", target.text(), name);
    return false;
  }
  std::ranges::sort(configs, {}, &Config::name);
  const size_t before = rows.size();
  for (const Config& config : configs) {
    if (!options.defaults && options.names.empty() && is_default(config)) continue;
    rows.push_back(row_of(target, config, options));
  }
  if (rows.size() == before && !options.json) {
    fmt::print("{} has nothing but defaults; --defaults lists them\n", target.text());
  }
  return true;
}

// Does `one` for each target, and goes on behind what fails: all that failed is told.
template <class One>
int for_each_target(const TargetOptions& options, std::string& wrong, const One& one) {
  ordered_json rows = ordered_json::array();
  int status = kExitDone;
  for (const Target& target : options.targets()) {
    std::string what;
    if (one(target, rows, what)) continue;
    if (!wrong.empty()) complain(wrong);
    wrong = what;
    status = kExitFailed;
  }
  print_rows(rows, options.json);
  return status;
}

int describe_configs(const DescribeOptions& options, KafkaCluster& cluster, std::string& wrong) {
  return for_each_target(options, wrong,
                         [&](const Target& target, ordered_json& rows, std::string& what) {
                           return describe_one(cluster, target, options, rows, what);
                         });
}

bool alter_one(KafkaCluster& cluster, const Target& target, const AlterOptions& options,
               ordered_json& rows, std::string& wrong) {
  KafkaSession* const broker = whom_to_ask(cluster, target, wrong);
  if (broker == nullptr) return false;
  const std::vector<AlterOptions::Change> changes = options.changes();
  kafka::IncrementalAlterConfigsRequest request;
  request.validate_only = options.validate_only;
  kafka::IncrementalAlterConfigsRequest::Resource resource;
  resource.resource_type = static_cast<int8_t>(target.type);
  resource.resource_name = target.name;
  for (const AlterOptions::Change& change : changes) {
    resource.configs.push_back({change.name, change.operation, change.value});
  }
  request.resources.push_back(std::move(resource));
  const auto answer = broker->ask<kafka::IncrementalAlterConfigsResponse>(request, wrong);
  if (!answer) return false;
  for (const auto& response : answer->message.responses) {
    if (response.error_code == KafkaError::none) continue;
    wrong = refusal_text(target.text(), response.error_code, response.error_message);
    return false;
  }
  rows.push_back(
      {{"of", target.text()}, {"outcome", options.validate_only ? "could be altered" : "altered"}});
  return true;
}

int alter_configs(const AlterOptions& options, KafkaCluster& cluster, std::string& wrong) {
  return for_each_target(options, wrong,
                         [&](const Target& target, ordered_json& rows, std::string& what) {
                           return alter_one(cluster, target, options, rows, what);
                         });
}

Option add_each(const Command& command, const std::string& name, std::vector<std::string>& values,
                const std::string& description) {
  return command.add_option(name, values, description).allow_extra_args(false);
}

void add_targets(const Command& command, TargetOptions& options) {
  add_each(command, "--topic", options.topics, "Of this topic; repeatable, as all of these.")
      .type_name("name");
  command.add_option("--broker", options.brokers, "Of the broker with this number.")
      .type_name("number")
      .allow_extra_args(false);
  command.add_flag("--all-brokers", options.all_brokers, "What all brokers have by default.");
}

void add_alter(const Command& config, std::function<int()>& chosen) {
  const auto [alter, options] = add_admin_command(
      config, chosen, "alter", "Sets values, or deletes what was set, so that defaults hold again.",
      alter_configs);
  add_targets(alter, *options);
  add_each(alter, "--set", options->set, "As retention.ms=3600000; repeatable, as all of these.")
      .type_name("name=value");
  add_each(alter, "--delete", options->remove, "Its default holds again.").type_name("name");
  add_each(alter, "--append", options->append, "Adds items to a list, as cleanup.policy=compact.")
      .type_name("name=items");
  add_each(alter, "--subtract", options->subtract, "Takes items out of a list.")
      .type_name("name=items");
  alter.add_flag("--validate-only", options->validate_only,
                 "Only says whether that could be done.");
}

}  // namespace

void add_config_commands(const Command& program, std::function<int()>& chosen) {
  const Command config = program.add_command(
      "config", "Configuration of topics and brokers of any Kafka cluster, over the network.");
  config.require_command();
  const auto [describe, options] = add_admin_command(
      config, chosen, "describe", "Lists what has been set: values, and where they come from.",
      describe_configs);
  describe.add_option("config", options->names, "Only these, whether set or not.");
  add_targets(describe, *options);
  describe.add_flag("--defaults", options->defaults, "What has its default too.");
  describe.add_flag("--synonyms", options->synonyms,
                    "All places of a value, the one that counts first.");
  describe.add_flag("--docs", options->docs, "What each config is for.");
  add_alter(config, chosen);
}

}  // namespace penstock
