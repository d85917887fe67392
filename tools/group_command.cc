#include "tools/group_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/delete_groups.h"
#include "net/kafka/messages/list_groups.h"
#include "net/kafka/messages/list_offsets.h"
#include "net/kafka/messages/offset_commit.h"
#include "net/kafka/messages/offset_delete.h"
#include "tools/admin_command.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/group_listing.h"

namespace penstock {
namespace {

using kafka::KafkaError;
using nlohmann::ordered_json;

struct GroupOptions : AdminOptions {
  std::vector<std::string> names;
  std::string group;
  std::string topic;
  std::string to;
  bool dry_run = false;
};

int list_groups(const GroupOptions& options, KafkaCluster& cluster, std::string& wrong) {
  if (!cluster.learn_brokers(wrong)) return kExitFailed;
  ordered_json rows = ordered_json::array();
  for (const int32_t id : cluster.broker_ids()) {
    KafkaSession* const broker = cluster.broker(id, wrong);
    if (broker == nullptr) return kExitFailed;
    const auto answer = broker->ask<kafka::ListGroupsResponse>(kafka::ListGroupsRequest{}, wrong);
    if (!answer) return kExitFailed;
    if (answer->message.error_code != KafkaError::none) {
      wrong = fmt::format("broker {}: {}", id, name_of(answer->message.error_code));
      return kExitFailed;
    }
    for (const auto& group : answer->message.groups) {
      rows.push_back({{"group", group.group_id},
                      {"state", group.state},
                      {"type", group.type},
                      {"protocol", group.protocol_type},
                      {"coordinator", id}});
    }
  }
  print_rows(rows, options.json);
  return kExitDone;
}

// The place in its log that a partition ends at; null where nobody tells.
ordered_json end_of(KafkaCluster& cluster, const std::vector<KafkaCluster::Topic>& topics,
                    const TopicPartition& part, std::string& wrong) {
  const auto topic = std::ranges::find(topics, part.first, &KafkaCluster::Topic::name);
  if (topic == topics.end()) return nullptr;
  const auto found =
      std::ranges::find(topic->partitions, part.second, &KafkaCluster::Partition::index);
  if (found == topic->partitions.end()) return nullptr;
  const auto end = cluster.offset(part.first, *found, kafka::ListOffsetsRequest::kLatest, wrong);
  return end ? ordered_json(*end) : ordered_json(nullptr);
}

ordered_json row_of(const std::string& group, const std::string& state, const TopicPartition* part,
                    const ordered_json& committed, const ordered_json& end,
                    const GroupListing::Member* member) {
  ordered_json row{{"group", group}, {"state", state}};
  row["topic"] = part != nullptr ? ordered_json(part->first) : ordered_json(nullptr);
  row["partition"] = part != nullptr ? ordered_json(part->second) : ordered_json(nullptr);
  row["committed"] = committed;
  row["end"] = end;
  row["lag"] = committed.is_null() || end.is_null()
                   ? ordered_json(nullptr)
                   : ordered_json(end.get<int64_t>() - committed.get<int64_t>());
  row["member"] = member != nullptr ? ordered_json(member->id) : ordered_json(nullptr);
  row["client"] = member != nullptr ? ordered_json(member->client_id) : ordered_json(nullptr);
  row["host"] = member != nullptr ? ordered_json(member->host) : ordered_json(nullptr);
  return row;
}

bool describe_one(KafkaCluster& cluster, const std::string& group, ordered_json& rows,
                  std::string& wrong) {
  KafkaSession* const coordinator = cluster.coordinator_of(group, wrong);
  if (coordinator == nullptr) return false;
  const auto listing = describe_group(*coordinator, group, wrong);
  if (!listing) return false;
  const auto committed = committed_offsets(*coordinator, group, wrong);
  const auto topics = cluster.topics({}, wrong);
  if (!committed || !topics) return false;
  if (listing->state == "Dead" && committed->empty()) {
    wrong = fmt::format("there is no group {}", group);
    return false;
  }
  std::map<TopicPartition, const GroupListing::Member*> parts;
  for (const auto& [part, offset] : *committed) parts[part] = nullptr;
  for (const auto& member : listing->members) {
    for (const TopicPartition& part : member.assigned) parts[part] = &member;
  }
  for (const auto& [part, member] : parts) {
    const auto offset = committed->find(part);
    rows.push_back(row_of(group, listing->state, &part,
                          offset != committed->end() ? ordered_json(offset->second) : nullptr,
                          end_of(cluster, *topics, part, wrong), member));
  }
  for (const auto& member : listing->members) {
    if (!member.assigned.empty()) continue;
    rows.push_back(row_of(group, listing->state, nullptr, nullptr, nullptr, &member));
  }
  return true;
}

int describe_groups(const GroupOptions& options, KafkaCluster& cluster, std::string& wrong) {
  ordered_json rows = ordered_json::array();
  int status = kExitDone;
  for (const std::string& group : options.names) {
    if (describe_one(cluster, group, rows, wrong)) continue;
    status = kExitFailed;
    break;
  }
  print_rows(rows, options.json);
  return status;
}

int delete_groups(const GroupOptions& options, KafkaCluster& cluster, std::string& wrong) {
  ordered_json rows = ordered_json::array();
  int status = kExitDone;
  for (const std::string& group : options.names) {
    KafkaSession* const coordinator = cluster.coordinator_of(group, wrong);
    if (coordinator == nullptr) return kExitFailed;
    kafka::DeleteGroupsRequest request;
    request.group_names.push_back(group);
    const auto answer = coordinator->ask<kafka::DeleteGroupsResponse>(request, wrong);
    if (!answer) return kExitFailed;
    for (const auto& result : answer->message.results) {
      if (result.error_code == KafkaError::none) {
        rows.push_back({{"group", group}, {"outcome", "deleted"}});
        continue;
      }
      if (!wrong.empty()) complain(wrong);
      wrong = fmt::format("group {}: {}", group, name_of(result.error_code));
      status = kExitFailed;
    }
  }
  print_rows(rows, options.json);
  return status;
}

// "topic" or "topic:partition"; a topic's name has no colon. Nothing: `wrong` says why.
std::optional<std::vector<KafkaCluster::Partition>> chosen_partitions(KafkaCluster& cluster,
                                                                      const std::string& text,
                                                                      std::string& name,
                                                                      std::string& wrong) {
  const size_t colon = text.find(':');
  name = text.substr(0, colon);
  const auto topics = cluster.topics({name}, wrong);
  if (!topics) return std::nullopt;
  if (topics->empty() || !topics->front().trouble.empty()) {
    wrong = fmt::format("topic {}: {}", name,
                        topics->empty() ? "it is not told of" : topics->front().trouble);
    return std::nullopt;
  }
  std::vector<KafkaCluster::Partition> parts = topics->front().partitions;
  if (colon == std::string::npos) return parts;
  const std::string index = text.substr(colon + 1);
  std::erase_if(parts, [&index](const auto& part) { return std::to_string(part.index) != index; });
  if (!parts.empty()) return parts;
  wrong = fmt::format("topic {} has no partition {}", name, index);
  return std::nullopt;
}

std::optional<int64_t> number_of(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

// earliest, latest, an offset, or @ and a time.
bool is_place(const std::string& text) {
  return text == "earliest" || text == "latest" || number_of(text) ||
         (text.starts_with('@') && number_of(std::string_view(text).substr(1)));
}

// An offset is moved into what there is; a time that nothing follows is the end.
std::optional<int64_t> place_of(KafkaCluster& cluster, const std::string& topic,
                                const KafkaCluster::Partition& part, const std::string& to,
                                std::string& wrong) {
  using Request = kafka::ListOffsetsRequest;
  const auto start = cluster.offset(topic, part, Request::kEarliest, wrong);
  const auto end = cluster.offset(topic, part, Request::kLatest, wrong);
  if (!start || !end) return std::nullopt;
  if (to == "earliest") return start;
  if (to == "latest") return end;
  if (!to.starts_with('@')) return std::clamp(*number_of(to), *start, *end);
  const auto found = cluster.offset(topic, part, *number_of(std::string_view(to).substr(1)), wrong);
  if (!found) return std::nullopt;
  return *found < 0 ? *end : *found;
}

int reset_offsets(const GroupOptions& options, KafkaCluster& cluster, std::string& wrong) {
  if (!is_place(options.to)) {
    wrong = fmt::format("--to={}: it is earliest, latest, an offset, or @ and a time in ms",
                        options.to);
    return kExitUsage;
  }
  std::string name;
  const auto parts = chosen_partitions(cluster, options.topic, name, wrong);
  if (!parts) return kExitFailed;
  kafka::OffsetCommitRequest request;
  request.group_id = options.group;
  kafka::OffsetCommitRequest::Topic topic;
  topic.name = name;
  ordered_json rows = ordered_json::array();
  for (const auto& part : *parts) {
    const auto place = place_of(cluster, name, part, options.to, wrong);
    if (!place) return kExitFailed;
    kafka::OffsetCommitRequest::Partition commit;
    commit.index = part.index;
    commit.committed_offset = *place;
    topic.partitions.push_back(commit);
    rows.push_back(
        {{"group", options.group}, {"topic", name}, {"partition", part.index}, {"offset", *place}});
  }
  request.topics.push_back(std::move(topic));
  if (!options.dry_run) {
    KafkaSession* const coordinator = cluster.coordinator_of(options.group, wrong);
    if (coordinator == nullptr) return kExitFailed;
    const auto answer = coordinator->ask<kafka::OffsetCommitResponse>(request, wrong);
    if (!answer) return kExitFailed;
    for (const auto& told : answer->message.topics) {
      for (const auto& part : told.partitions) {
        if (part.error_code == KafkaError::none) continue;
        wrong = fmt::format("group {}, {} {}: {}; a group with members keeps its offsets itself",
                            options.group, told.name, part.index, name_of(part.error_code));
        return kExitFailed;
      }
    }
  }
  print_rows(rows, options.json);
  return kExitDone;
}

int delete_offsets(const GroupOptions& options, KafkaCluster& cluster, std::string& wrong) {
  std::string name;
  const auto parts = chosen_partitions(cluster, options.topic, name, wrong);
  if (!parts) return kExitFailed;
  KafkaSession* const coordinator = cluster.coordinator_of(options.group, wrong);
  if (coordinator == nullptr) return kExitFailed;
  kafka::OffsetDeleteRequest request;
  request.group_id = options.group;
  kafka::OffsetDeleteRequest::Topic topic;
  topic.name = name;
  for (const auto& part : *parts) topic.partition_indexes.push_back(part.index);
  request.topics.push_back(std::move(topic));
  const auto answer = coordinator->ask<kafka::OffsetDeleteResponse>(request, wrong);
  if (!answer) return kExitFailed;
  KafkaError error = answer->message.error_code;
  ordered_json rows = ordered_json::array();
  for (const auto& told : answer->message.topics) {
    for (const auto& part : told.partitions) {
      if (part.error_code != KafkaError::none) error = part.error_code;
      if (part.error_code != KafkaError::none) continue;
      rows.push_back({{"group", options.group},
                      {"topic", told.name},
                      {"partition", part.index},
                      {"outcome", "deleted"}});
    }
  }
  print_rows(rows, options.json);
  if (error == KafkaError::none) return kExitDone;
  wrong = fmt::format("group {}, topic {}: {}", options.group, name, name_of(error));
  return kExitFailed;
}

void add_group_and_topic(const Command& command, GroupOptions& options) {
  command.add_option("group", options.group, "Its name.").required();
  command.add_option("--topic", options.topic, "A topic, or topic:partition.")
      .type_name("name")
      .required();
}

}  // namespace

void add_group_commands(const Command& program, std::function<int()>& chosen) {
  const Command group =
      program.add_command("group", "Consumer groups of any Kafka broker, over the network.");
  group.require_command();
  add_admin_command(group, chosen, "list", "Lists the groups.", list_groups);

  const auto [describe, describe_options] = add_admin_command(
      group, chosen, "describe",
      "Lists partitions: the offset a group has committed, its lag, the member that has it.",
      describe_groups);
  describe.add_option("group", describe_options->names, "Their names.").required();

  const auto [remove, remove_options] = add_admin_command(
      group, chosen, "delete", "Deletes groups without members, and their offsets.", delete_groups);
  remove.add_option("group", remove_options->names, "Their names.").required();

  const auto [reset, reset_options] =
      add_admin_command(group, chosen, "reset-offsets",
                        "Moves a group without members to another place.", reset_offsets);
  add_group_and_topic(reset, *reset_options);
  reset
      .add_option("--to", reset_options->to,
                  "earliest, latest, an offset, or @ and a time in ms since 1970.")
      .type_name("place")
      .required();
  reset.add_flag("--dry-run", reset_options->dry_run, "Only says where that would be.");

  const auto [forget, forget_options] =
      add_admin_command(group, chosen, "delete-offsets",
                        "Makes a group forget its place in a topic.", delete_offsets);
  add_group_and_topic(forget, *forget_options);
}

}  // namespace penstock
