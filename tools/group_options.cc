#include "tools/group_options.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace penstock {
namespace {

constexpr int32_t kMillisecondsMax = std::numeric_limits<int32_t>::max();

template <class T>
void add(const Command& serve, const char* name, T& value, T least, T most, const char* unit,
         const char* text) {
  serve.add_option(name, value, text).type_name(unit).between(least, most).capture_default_str();
}

// Comma-separated names; `take` says why a list is none that can be.
template <class Take>
void add_list(const Command& serve, const char* name, const char* preset, const char* text,
              Take take) {
  const auto take_or_refuse = [name, take](const std::vector<std::string>& words) {
    const std::string fault = take(words);
    if (!fault.empty()) refuse(name, fault);
  };
  serve.add_words(name, take_or_refuse, text).type_name("names").delimiter(',').default_str(preset);
}

std::string take_protocols(kafka::GroupSettings& settings, const std::vector<std::string>& words) {
  settings.classic_protocol = settings.consumer_protocol = false;
  for (const std::string& word : words) {
    if (word == "classic") {
      settings.classic_protocol = true;
    } else if (word == "consumer") {
      settings.consumer_protocol = true;
    } else {
      return "there is no group protocol " + word + "; there are classic and consumer";
    }
  }
  return settings.classic_protocol ? "" : "the classic protocol cannot be left out";
}

std::string take_assignors(kafka::GroupSettings& settings, const std::vector<std::string>& words) {
  settings.consumer_assignors.clear();
  for (const std::string& word : words) {
    const std::optional<kafka::Assignor> assignor = kafka::assignor_named(word);
    if (!assignor) return "there is no assignor " + word + "; there are uniform and range";
    settings.consumer_assignors.push_back(*assignor);
  }
  return settings.consumer_assignors.empty() ? "at least one must be given" : "";
}

// What is given must lie between what else is given.
struct ConsumerLimits {
  int32_t session_timeout_ms_min = 45'000;
  int32_t session_timeout_ms_max = 60'000;
  int32_t heartbeat_interval_ms_min = 5'000;
  int32_t heartbeat_interval_ms_max = 15'000;
};

void check_limits(const kafka::GroupSettings& settings, const ConsumerLimits& limits) {
  const auto check_one = [](const char* name, int32_t value, int32_t least, int32_t most) {
    if (value >= least && value <= most) return;
    refuse(name, "must lie between its min and its max, " + std::to_string(least) + " and " +
                     std::to_string(most));
  };
  check_one("--group.consumer.session.timeout.ms", settings.consumer_session_timeout_ms,
            limits.session_timeout_ms_min, limits.session_timeout_ms_max);
  check_one("--group.consumer.heartbeat.interval.ms", settings.consumer_heartbeat_interval_ms,
            limits.heartbeat_interval_ms_min, limits.heartbeat_interval_ms_max);
  if (settings.consumer_heartbeat_interval_ms >= settings.consumer_session_timeout_ms) {
    refuse("--group.consumer.heartbeat.interval.ms",
           "must be less than group.consumer.session.timeout.ms");
  }
}

std::function<void()> add_consumer_options(const Command& serve, kafka::GroupSettings& settings) {
  const auto limits = std::make_shared<ConsumerLimits>();
  const auto add_ms = [&serve](const char* name, int32_t& value, const char* text) {
    add<int32_t>(serve, name, value, 1, kMillisecondsMax, "ms", text);
  };
  add_ms("--group.consumer.session.timeout.ms", settings.consumer_session_timeout_ms,
         "A silent member of the consumer protocol is given up.");
  add_ms("--group.consumer.min.session.timeout.ms", limits->session_timeout_ms_min,
         "The least that may be.");
  add_ms("--group.consumer.max.session.timeout.ms", limits->session_timeout_ms_max,
         "The most that may be.");
  add_ms("--group.consumer.heartbeat.interval.ms", settings.consumer_heartbeat_interval_ms,
         "How often members of the consumer protocol are heard of.");
  add_ms("--group.consumer.min.heartbeat.interval.ms", limits->heartbeat_interval_ms_min,
         "The least that may be.");
  add_ms("--group.consumer.max.heartbeat.interval.ms", limits->heartbeat_interval_ms_max,
         "The most that may be.");
  add<uint32_t>(serve, "--group.consumer.max.size", settings.consumer_members_max, 1, 1'000'000,
                "count", "Members of one group of the consumer protocol.");
  kafka::GroupSettings* const kept = &settings;
  add_list(serve, "--group.consumer.assignors", "uniform,range",
           "Assignors of the consumer protocol; the first is for groups that ask for none.",
           [kept](const auto& words) { return take_assignors(*kept, words); });
  add_list(serve, "--group.coordinator.rebalance.protocols", "classic,consumer",
           "Protocols by which consumers may form groups.",
           [kept](const auto& words) { return take_protocols(*kept, words); });
  add_list(serve, "--group.consumer.migration.policy", "disabled",
           "Whether a group changes its protocol while it has members: it does not.",
           [](const auto& words) -> std::string {
             const bool disabled = words.size() == 1 && words[0] == "disabled";
             return disabled ? "" : "only disabled is possible";
           });
  return [kept, limits] { check_limits(*kept, *limits); };
}

}  // namespace

std::function<void()> add_group_options(const Command& serve, kafka::GroupSettings& settings) {
  add<uint32_t>(serve, "--group.initial.rebalance.delay.ms", settings.initial_rebalance_delay_ms, 0,
                kMillisecondsMax, "ms", "How long a new group waits for more members.");
  add<int32_t>(serve, "--group.min.session.timeout.ms", settings.session_timeout_ms_min, 1,
               kMillisecondsMax, "ms", "The least a group's member may ask for.");
  add<int32_t>(serve, "--group.max.session.timeout.ms", settings.session_timeout_ms_max, 1,
               kMillisecondsMax, "ms", "The most a group's member may ask for.");
  add<uint32_t>(serve, "--group.max.size", settings.members_max, 1, 1'000'000, "count",
                "Members of one consumer group.");
  add<uint32_t>(serve, "--offsets.topic.num.partitions", settings.offsets_partition_count, 1, 1'000,
                "count", "Of __consumer_offsets, when it is made.");
  add<uint64_t>(serve, "--offsets.retention.minutes", settings.offsets_retention_minutes, 1,
                kMillisecondsMax, "minutes", "Committed offsets are kept after their group's end.");
  add<uint64_t>(serve, "--offsets.retention.check.interval.ms",
                settings.retention_check_interval_ms, 1, kMillisecondsMax, "ms",
                "How often expired offsets are looked for.");
  add<uint32_t>(serve, "--offset.metadata.max.bytes", settings.offset_metadata_bytes_max, 0,
                1 << 20, "bytes", "What a client may add to an offset.");
  return add_consumer_options(serve, settings);
}

}  // namespace penstock
