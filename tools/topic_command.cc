#include "tools/topic_command.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/create_partitions.h"
#include "net/kafka/messages/create_topics.h"
#include "net/kafka/messages/delete_topics.h"
#include "net/kafka/messages/list_offsets.h"
#include "tools/admin_command.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"

namespace penstock {
namespace {

using nlohmann::ordered_json;

struct TopicOptions : AdminOptions {
  std::vector<std::string> names;
  int32_t partitions = -1;
  int16_t replication_factor = -1;
  std::vector<std::string> configs;
  bool validate_only = false;
  bool internal = false;

  void check() const { (void)split_configs(); }
  // Refused where one has no name.
  std::vector<std::pair<std::string, std::string>> split_configs() const {
    std::vector<std::pair<std::string, std::string>> split;
    for (const std::string& config : configs) split.push_back(split_config("--config", config));
    return split;
  }
};

int list_topics(const TopicOptions& options, KafkaCluster& cluster, std::string& wrong) {
  const auto topics = cluster.topics({}, wrong);
  if (!topics) return kExitFailed;
  ordered_json rows = ordered_json::array();
  for (const auto& topic : *topics) {
    if (topic.internal && !options.internal) continue;
    rows.push_back({{"topic", topic.name}, {"partitions", topic.partitions.size()}});
  }
  print_rows(rows, options.json);
  return kExitDone;
}

int describe_topics(const TopicOptions& options, KafkaCluster& cluster, std::string& wrong) {
  const auto topics = cluster.topics(options.names, wrong);
  if (!topics) return kExitFailed;
  ordered_json rows = ordered_json::array();
  int status = kExitDone;
  for (const auto& topic : *topics) {
    if (!topic.trouble.empty()) {
      wrong = fmt::format("topic {}: {}", topic.name, topic.trouble);
      status = kExitFailed;
    }
    for (const auto& part : topic.partitions) {
      const auto start =
          cluster.offset(topic.name, part, kafka::ListOffsetsRequest::kEarliest, wrong);
      const auto end = cluster.offset(topic.name, part, kafka::ListOffsetsRequest::kLatest, wrong);
      if (!start || !end) return kExitFailed;
      rows.push_back({{"topic", topic.name},
                      {"partition", part.index},
                      {"leader", part.leader},
                      {"replicas", part.replicas},
                      {"in_sync", part.in_sync},
                      {"start", *start},
                      {"end", *end}});
    }
  }
  print_rows(rows, options.json);
  return status;
}

// The outcome of each topic: all that went well as rows, and the last that did not in `wrong`.
template <class Topics>
int tell_outcome(const Topics& topics, const std::string& done, bool json, std::string& wrong) {
  ordered_json rows = ordered_json::array();
  int status = kExitDone;
  for (const auto& topic : topics) {
    const std::string name(std::optional<std::string_view>(topic.name).value_or(""));
    if (topic.error_code == kafka::KafkaError::none) {
      rows.push_back({{"topic", name}, {"outcome", done}});
      continue;
    }
    if (!wrong.empty()) complain(wrong);
    wrong = refusal_text("topic " + name, topic.error_code, topic.error_message);
    status = kExitFailed;
  }
  print_rows(rows, json);
  return status;
}

int create_topics(const TopicOptions& options, KafkaCluster& cluster, std::string& wrong) {
  kafka::CreateTopicsRequest request;
  request.validate_only = options.validate_only;
  const std::vector<std::pair<std::string, std::string>> configs = options.split_configs();
  for (const std::string& name : options.names) {
    kafka::CreateTopicsRequest::Topic topic;
    topic.name = name;
    topic.partition_count = options.partitions;
    topic.replication_factor = options.replication_factor;
    for (const auto& [config, value] : configs) topic.configs.push_back({config, value});
    request.topics.push_back(std::move(topic));
  }
  const auto answer = cluster.bootstrap().ask<kafka::CreateTopicsResponse>(request, wrong);
  if (!answer) return kExitFailed;
  return tell_outcome(answer->message.topics,
                      options.validate_only ? "could be created" : "created", options.json, wrong);
}

int alter_topics(const TopicOptions& options, KafkaCluster& cluster, std::string& wrong) {
  kafka::CreatePartitionsRequest request;
  request.validate_only = options.validate_only;
  constexpr int32_t kTimeoutMs = 60'000;
  request.timeout_ms = kTimeoutMs;
  for (const std::string& name : options.names) {
    request.topics.push_back({name, options.partitions, std::nullopt});
  }
  const auto answer = cluster.bootstrap().ask<kafka::CreatePartitionsResponse>(request, wrong);
  if (!answer) return kExitFailed;
  return tell_outcome(answer->message.results,
                      options.validate_only ? "could be altered" : "altered", options.json, wrong);
}

int delete_topics(const TopicOptions& options, KafkaCluster& cluster, std::string& wrong) {
  constexpr int16_t kLastByName = 5;
  kafka::DeleteTopicsRequest request;
  for (const std::string& name : options.names) request.topic_names.push_back(name);
  const auto answer =
      cluster.bootstrap().ask<kafka::DeleteTopicsResponse>(request, wrong, kLastByName);
  if (!answer) return kExitFailed;
  return tell_outcome(answer->message.topics, "deleted", options.json, wrong);
}

}  // namespace

void add_topic_commands(const Command& program, std::function<int()>& chosen) {
  const Command topic =
      program.add_command("topic", "Topics of any Kafka broker, over the network.");
  topic.require_command();
  const auto [list, list_options] =
      add_admin_command(topic, chosen, "list", "Lists the topics.", list_topics);
  list.add_flag("--internal", list_options->internal, "The brokers' own topics too.");

  const auto [describe, describe_options] = add_admin_command(
      topic, chosen, "describe", "Lists partitions: leader, replicas, first offset and end.",
      describe_topics);
  describe.add_option("topic", describe_options->names, "Only these; all without.");

  const auto [create, create_options] =
      add_admin_command(topic, chosen, "create", "Creates topics.", create_topics);
  create.add_option("topic", create_options->names, "Their names.").required();
  create
      .add_option("--partitions", create_options->partitions, "Of each; -1: the broker's default.")
      .type_name("count")
      .capture_default_str();
  create
      .add_option("--replication-factor", create_options->replication_factor,
                  "Of each; -1: the broker's default.")
      .type_name("count")
      .capture_default_str();
  create.add_option("--config", create_options->configs, "As retention.ms=3600000; repeatable.")
      .type_name("name=value")
      .allow_extra_args(false);
  create.add_flag("--validate-only", create_options->validate_only,
                  "Only says whether they could be created.");

  const auto [alter, alter_options] = add_admin_command(
      topic, chosen, "alter", "Gives topics more partitions. Their configs: penstock config alter.",
      alter_topics);
  alter.add_option("topic", alter_options->names, "Their names.").required();
  alter
      .add_option("--partitions", alter_options->partitions,
                  "How many each has then; more than it has.")
      .type_name("count")
      .required();
  alter.add_flag("--validate-only", alter_options->validate_only,
                 "Only says whether that could be done.");

  const auto [remove, remove_options] = add_admin_command(
      topic, chosen, "delete", "Deletes topics and all that is in them.", delete_topics);
  remove.add_option("topic", remove_options->names, "Their names.").required();
}

}  // namespace penstock
