#include "net/kafka/broker_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "io/check.h"

namespace penstock::kafka {
namespace {

using Effect = BrokerProperty::Effect;
using S = BrokerSettings;
using Serving = ServerOptions;

template <auto Part, auto Field>
using FieldType = std::remove_reference_t<decltype((std::declval<S&>().*Part).*Field)>;

template <auto Part, auto Field, int64_t Low, int64_t High>
bool set_number(S& settings, std::string_view text) {
  int64_t value = 0;
  if (!parse_config_number(text, Low, High, value)) return false;
  (settings.*Part).*Field = static_cast<FieldType<Part, Field>>(value);
  return true;
}

constexpr ConfigType number_type(int64_t high) {
  return high > INT32_MAX ? ConfigType::int64 : ConfigType::int32;
}

template <auto Part, auto Field, int64_t Low, int64_t High>
constexpr BrokerProperty number(std::string_view name, std::string_view default_text,
                                std::string_view values, std::string_view doc) {
  return {.name = name,
          .type = number_type(High),
          .default_text = default_text,
          .values = values,
          .doc = doc,
          .set = set_number<Part, Field, Low, High>};
}

bool parse_boolean(std::string_view text, bool& value) {
  if (text != "true" && text != "false") return false;
  value = text == "true";
  return true;
}

template <auto Part, auto Field>
constexpr BrokerProperty boolean(std::string_view name, std::string_view default_text,
                                 std::string_view doc) {
  return {.name = name,
          .type = ConfigType::boolean,
          .default_text = default_text,
          .values = "[false, true]",
          .doc = doc,
          .set = [](S& settings, std::string_view text) {
            return parse_boolean(text, (settings.*Part).*Field);
          }};
}

template <auto Field>
constexpr BrokerProperty text(std::string_view name, ConfigType type, std::string_view values,
                              std::string_view doc) {
  return {.name = name,
          .type = type,
          .values = values,
          .doc = doc,
          .set = [](S& settings, std::string_view given) {
            settings.*Field = std::string(given);
            return !given.empty();
          }};
}

// Of topics, in another unit than a topic's.
template <auto Field, int64_t Low, int64_t UnitMs>
constexpr BrokerProperty duration(std::string_view name,
                                  std::optional<std::string_view> default_text,
                                  std::string_view values, std::string_view doc) {
  return {.name = name,
          .type = ConfigType::int32,
          .default_text = default_text,
          .values = values,
          .doc = doc,
          .set = [](S& settings, std::string_view given) {
            int64_t value = 0;
            if (!parse_config_number(given, Low, INT32_MAX, value)) return false;
            settings.engine.topic_defaults.*Field = value < 0 ? value : value * UnitMs;
            return true;
          }};
}

template <int64_t Low, int64_t High>
constexpr BrokerProperty unused_number(std::string_view name, std::string_view default_text,
                                       std::string_view doc) {
  return {.name = name,
          .type = number_type(High),
          .default_text = default_text,
          .values = "a number",
          .doc = doc,
          .effect = Effect::none,
          .set = [](S&, std::string_view given) {
            int64_t value = 0;
            return parse_config_number(given, Low, High, value);
          }};
}

constexpr BrokerProperty unused_boolean(std::string_view name, std::string_view default_text,
                                        std::string_view doc) {
  return {.name = name,
          .type = ConfigType::boolean,
          .default_text = default_text,
          .values = "[false, true]",
          .doc = doc,
          .effect = Effect::none,
          .set = [](S&, std::string_view given) {
            bool value = false;
            return parse_boolean(given, value);
          }};
}

constexpr BrokerProperty fixed(std::string_view name, ConfigType type, std::string_view only,
                               std::string_view doc) {
  return {.name = name,
          .type = type,
          .default_text = only,
          .values = only,
          .doc = doc,
          .effect = Effect::fixed};
}

// A listener's name is its protocol, unless listener.security.protocol.map says otherwise; and there is one protocol.
bool is_plaintext(std::string_view listeners) {
  for (const std::string_view protocol : {"SSL://", "SASL_PLAINTEXT://", "SASL_SSL://"}) {
    if (listeners.starts_with(protocol)) return false;
    if (listeners.find("," + std::string(protocol)) != std::string_view::npos) return false;
  }
  return !listeners.empty();
}

template <auto Field>
constexpr BrokerProperty listeners(std::string_view name, std::string_view doc) {
  return {.name = name,
          .type = ConfigType::list,
          .values = "PLAINTEXT://host:port,...",
          .doc = doc,
          .set = [](S& settings, std::string_view given) {
            settings.*Field = std::string(given);
            return is_plaintext(given);
          }};
}

bool set_protocol_map(S& /*settings*/, std::string_view text) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, comma);
    const size_t colon = pair.find(':');
    if (colon == std::string_view::npos || pair.substr(colon + 1) != "PLAINTEXT") return false;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return true;
}

bool set_check_interval(S& settings, std::string_view text) {
  int64_t value = 0;
  if (!parse_config_number(text, 1, INT64_MAX / 1'000'000, value)) return false;
  settings.engine.retention_interval_ns = static_cast<uint64_t>(value) * 1'000'000;
  return true;
}

bool set_request_bytes(S& settings, std::string_view text) {
  int64_t value = 0;
  if (!parse_config_number(text, 1 << 10, INT32_MAX, value)) return false;
  settings.server.frames.size_bytes_max = static_cast<uint32_t>(value);
  return true;
}

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr std::string_view kThreads = "No effect: there is one thread per core, see --reactors.";
constexpr std::string_view kOneReplica = "No effect: there is one replica.";
constexpr std::string_view kOneNode = "There is one node, so there is one replica.";
constexpr std::string_view kNoSecurity = "There is no authorization: everybody may do everything.";
constexpr std::string_view kNoTransactions = "No effect: there are no transactions.";
constexpr std::string_view kSocketBuffers = "No effect: the kernel sizes a socket's buffers.";

constexpr std::array kTable = {
    listeners<&S::advertised_listeners>(
        "advertised.listeners", "What clients are told to connect to; --advertise is the same."),
    unused_boolean("allow.everyone.if.no.acl.found", "false",
                   "No effect: there is no authorization, so everybody may do everything."),
    fixed("authorizer.class.name", ConfigType::string, "", kNoSecurity),
    boolean<&S::server, &Serving::auto_create_topics>("auto.create.topics.enable", "true",
                                                      "A topic that a producer asks for is made."),
    unused_boolean("auto.leader.rebalance.enable", "true", kOneReplica),
    number<&S::server, &Serving::node_id, 0, INT32_MAX>("broker.id", "1", "[0,...]",
                                                        "The number clients know this node by."),
    number<&S::server, &Serving::connections_idle_ms_max, -1, INT64_MAX / 1'000'000>(
        "connections.max.idle.ms", "600000", "[-1,...]",
        "A connection without a request for so long is ended; -1: never."),
    fixed("create.topic.policy.class.name", ConfigType::string, "", "There are no plugins."),
    fixed("default.replication.factor", ConfigType::int32, "1", kOneNode),
    boolean<&S::server, &Serving::delete_topics>("delete.topic.enable", "true",
                                                 "Topics may be deleted."),
    BrokerProperty{.name = "listener.security.protocol.map",
                   .default_text = "PLAINTEXT:PLAINTEXT",
                   .values = "name:PLAINTEXT,...",
                   .doc = "What listeners speak: there is nothing but PLAINTEXT.",
                   .set = set_protocol_map},
    listeners<&S::listeners>("listeners",
                             "Where Kafka clients connect; --kafka-listen is the same."),
    unused_number<0, INT32_MAX>("log.cleaner.threads", "1", kThreads),
    text<&S::log_dirs>("log.dir", ConfigType::string, "path",
                       "The directory of data; log.dirs wins, --data-dir is the same."),
    text<&S::log_dirs>("log.dirs", ConfigType::list, "path,...",
                       "The directories of data, one per disk; --data-dir is the same."),
    BrokerProperty{.name = "log.retention.check.interval.ms",
                   .type = ConfigType::int64,
                   .default_text = "5000",
                   .values = "[1,...]",
                   .doc = "Between looks at what is too old or too much.",
                   .set = set_check_interval},
    duration<&TopicConfig::retention_ms, -1, kHourMs>(
        "log.retention.hours", "168", "[-1,...]",
        "Older records are dropped, a file at a time; -1: never. A topic's own configs win."),
    duration<&TopicConfig::retention_ms, -1, kMinuteMs>(
        "log.retention.minutes", std::nullopt, "[-1,...]",
        "The same as log.retention.hours; wins over it."),
    duration<&TopicConfig::segment_ms, 1, kHourMs>("log.roll.hours", "168", "[1,...]",
                                                   "A file takes records for no longer than this."),
    duration<&TopicConfig::segment_jitter_ms, 0, kHourMs>(
        "log.roll.jitter.hours", "0", "[0,...]",
        "By up to so much a file takes records for less long."),
    number<&S::connections, &ConnectionLimits::count_max, 1, INT32_MAX>(
        "max.connections", "2147483647", "[1,...]",
        "Of clients at one time; one more waits until another has gone."),
    number<&S::connections, &ConnectionLimits::count_per_ip_max, 0, INT32_MAX>(
        "max.connections.per.ip", "2147483647", "[0,...]",
        "Of clients from one address at one time; one more is ended at once."),
    number<&S::server, &Serving::node_id, 0, INT32_MAX>("node.id", "1", "[0,...]",
                                                        "The same as broker.id; wins over it."),
    unused_number<1, INT32_MAX>("num.io.threads", "8", kThreads),
    unused_number<1, INT32_MAX>("num.network.threads", "3", kThreads),
    number<&S::server, &Serving::default_partitions, 1, kPartitionsMax>(
        "num.partitions", "1", "[1,...,100000]", "Of topics made without a count."),
    fixed("offsets.topic.replication.factor", ConfigType::int32, "1", kOneNode),
    number<&S::server, &Serving::queued_bytes_max, -1, INT64_MAX>(
        "queued.max.request.bytes", "-1", "[-1,...]",
        "Of requests under way, for each thread; beyond, clients wait. -1: half of --memory."),
    unused_number<1, INT32_MAX>("queued.max.requests", "500",
                                "No effect: each connection's requests have a bound."),
    number<&S::quotas, &QuotaSettings::slot_count, 2, 1000>(
        "quota.window.num", "11", "[2,...,1000]",
        "Over so many windows the rates of clients with quotas are measured."),
    number<&S::quotas, &QuotaSettings::slot_seconds, 1, 3600>("quota.window.size.seconds", "1",
                                                              "[1,...,3600]", "Of each of them."),
    unused_number<1, INT64_MAX>("replica.lag.time.max.ms", "30000", kOneReplica),
    unused_number<1, INT32_MAX>("request.timeout.ms", "30000",
                                "No effect: no request waits for another node."),
    fixed("sasl.enabled.mechanisms", ConfigType::list, "",
          "There is no SASL: every listener is PLAINTEXT."),
    unused_number<-1, INT32_MAX>("socket.receive.buffer.bytes", "102400", kSocketBuffers),
    BrokerProperty{.name = "socket.request.max.bytes",
                   .type = ConfigType::int32,
                   .default_text = "104857600",
                   .values = "[1024,...]",
                   .doc = "A larger request ends its connection.",
                   .set = set_request_bytes},
    unused_number<-1, INT32_MAX>("socket.send.buffer.bytes", "102400", kSocketBuffers),
    fixed("super.users", ConfigType::string, "", kNoSecurity),
    unused_number<1, INT32_MAX>("transaction.abort.timed.out.transaction.cleanup.interval.ms",
                                "10000", kNoTransactions),
    unused_number<1, INT32_MAX>("transaction.max.timeout.ms", "900000", kNoTransactions),
    fixed("transaction.state.log.min.isr", ConfigType::int32, "1", kOneNode),
    unused_number<1, INT32_MAX>("transaction.state.log.num.partitions", "50", kNoTransactions),
    fixed("transaction.state.log.replication.factor", ConfigType::int32, "1", kOneNode),
    unused_number<1, INT32_MAX>("transactional.id.expiration.ms", "604800000", kNoTransactions),
};
static_assert(std::ranges::is_sorted(kTable, {}, &BrokerProperty::name));

using Names = std::span<const std::string_view>;
constexpr std::array<std::string_view, 3> kRetentionNames{
    "log.retention.ms", "log.retention.minutes", "log.retention.hours"};
constexpr std::array<std::string_view, 2> kRollNames{"log.roll.ms", "log.roll.hours"};
constexpr std::array<std::string_view, 2> kJitterNames{"log.roll.jitter.ms",
                                                       "log.roll.jitter.hours"};

// Its default stands under the name of a coarser unit, or nowhere.
bool has_no_default(std::string_view name) {
  return name == kRetentionNames[0] || name == kRollNames[0] || name == kJitterNames[0] ||
         name == "log.flush.interval.ms";
}

}  // namespace

Names names_by_unit(const std::string_view& name) {
  for (const Names names : {Names(kRetentionNames), Names(kRollNames), Names(kJitterNames)}) {
    if (std::ranges::find(names, name) != names.end()) return names;
  }
  return Names(&name, 1);
}

bool BrokerProperty::apply(BrokerSettings& settings, std::string_view text) const {
  if (topic_entry != nullptr) return topic_entry->set(settings.engine.topic_defaults, text);
  if (effect == Effect::fixed) return text == *default_text;
  return set(settings, text);
}

BrokerConfig::BrokerConfig() : properties_(kTable.begin(), kTable.end()) {
  for (const TopicConfigEntry& entry : topic_config_table()) {
    if (entry.node_name.empty()) continue;
    BrokerProperty property{.name = entry.node_name,
                            .type = entry.type,
                            .default_text = entry.default_text,
                            .values = entry.values,
                            .doc = entry.doc,
                            .topic_entry = &entry};
    if (has_no_default(entry.node_name)) property.default_text.reset();
    if (entry.doc.starts_with("No effect")) property.effect = Effect::none;
    properties_.push_back(property);
  }
  std::ranges::sort(properties_, {}, &BrokerProperty::name);
}

const BrokerProperty* BrokerConfig::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(properties_, name, {}, &BrokerProperty::name);
  return found != properties_.end() && found->name == name ? &*found : nullptr;
}

Result<void> BrokerConfig::give(std::string_view name, std::string_view text, std::string& what) {
  const BrokerProperty* const property = find(name);
  check(property != nullptr);
  BrokerSettings scratch;
  std::string parsed_what;
  const bool refused_policy =
      property->topic_entry != nullptr &&
      !TopicConfig::parse_of_node({{std::string(name), std::string(text)}}, parsed_what,
                                  scratch.engine.topic_defaults)
           .ok();
  if (refused_policy || !property->apply(scratch, text)) {
    what =
        property->effect == Effect::fixed
            ? fmt::format("{} can only be '{}'. {}", name, property->values, property->doc)
            : fmt::format("{} takes {}, not '{}'. {}", name, property->values, text, property->doc);
    return Error::invalid_argument;
  }
  given_[std::string(name)] = std::string(text);
  return {};
}

const std::string* BrokerConfig::given(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? nullptr : &found->second;
}

// By ascending name, so hours, minutes, milliseconds: the finest unit wins.
BrokerSettings BrokerConfig::settings() const {
  BrokerSettings settings;
  settings.engine.topic_defaults = TopicConfig::kafka_defaults();
  for (const auto& [name, text] : given_) check(find(name)->apply(settings, text));
  return settings;
}

void BrokerConfig::adopt(BrokerProperty property, const std::optional<std::string>& given) {
  const auto keep = [this](std::string_view text) -> std::string_view {
    return adopted_texts_.emplace_back(text);
  };
  property.name = keep(property.name);
  property.values = keep(property.values);
  property.doc = keep(property.doc);
  if (property.default_text) property.default_text = keep(*property.default_text);
  property.set = [](BrokerSettings&, std::string_view) { return true; };
  if (given) given_[std::string(property.name)] = *given;
  properties_.push_back(property);
  std::ranges::sort(properties_, {}, &BrokerProperty::name);
}

std::vector<std::string> BrokerConfig::warnings() const {
  std::vector<std::string> warnings;
  for (const auto& [name, text] : given_) {
    const BrokerProperty& property = *find(name);
    if (property.effect != Effect::none) continue;
    warnings.push_back(fmt::format("{} = {}: {}", name, text, property.doc));
  }
  return warnings;
}

}  // namespace penstock::kafka
