#include "engine/topic_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "io/check.h"

namespace penstock {
namespace {

constexpr size_t kTextBytesMax = 32 << 10;  // of a value that is kept as it comes

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// For a message to a client, who may have sent megabytes.
std::string_view shortened(std::string_view text) { return text.substr(0, 100); }

template <class Number>
std::optional<Number> parse_number(std::string_view text, Number low, Number high) {
  Number value{};
  const std::string_view digits = trimmed(text);
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  if (!(value >= low && value <= high)) return std::nullopt;
  return value;
}

template <auto Field>
using FieldType = std::remove_reference_t<decltype(std::declval<TopicConfig&>().*Field)>;

template <auto Field>
std::string get_number(const TopicConfig& config) {
  return fmt::format("{}", config.*Field);
}

template <auto Field, int64_t Low, int64_t High>
bool set_integer(TopicConfig& config, std::string_view text) {
  const std::optional<int64_t> value = parse_number<int64_t>(text, Low, High);
  if (value) config.*Field = static_cast<FieldType<Field>>(*value);
  return value.has_value();
}

template <auto Field>
bool set_ratio(TopicConfig& config, std::string_view text) {
  const std::optional<double> value = parse_number<double>(text, 0, 1);
  if (value) config.*Field = *value;
  return value.has_value();
}

// A choice is a name's place in its list.
constexpr std::array<std::string_view, 2> kBooleans{"false", "true"};
constexpr std::array<std::string_view, 1> kOnlyFalse{"false"};
constexpr std::array<std::string_view, 3> kDurabilities{"flushed", "written", "buffered"};
constexpr std::array<std::string_view, 2> kTimestampTypes{"CreateTime", "LogAppendTime"};
constexpr std::array<std::string_view, 6> kCompressionTypes{"producer", "uncompressed", "gzip",
                                                            "snappy",   "lz4",          "zstd"};

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

template <auto Field, auto& Names>
bool set_choice(TopicConfig& config, std::string_view text) {
  const std::string_view wanted = trimmed(text);
  const bool any_case = Names[0] == "false";
  const auto found = std::ranges::find_if(Names, [&](std::string_view name) {
    return any_case ? same_letters(name, wanted) : name == wanted;
  });
  if (found == Names.end()) return false;
  config.*Field = static_cast<FieldType<Field>>(found - Names.begin());
  return true;
}

template <auto Field, auto& Names>
std::string get_choice(const TopicConfig& config) {
  return std::string(Names[static_cast<size_t>(config.*Field)]);
}

// Calls `each` with every item between commas; false as soon as one call answers it.
template <class Function>
bool all_items(std::string_view text, Function each) {
  while (true) {
    const size_t comma = text.find(',');
    if (!each(trimmed(text.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool set_cleanup_policy(TopicConfig& config, std::string_view text) {
  bool deletes = false;
  bool compacts = false;
  const bool known = all_items(text, [&](std::string_view item) {
    if (item != "delete" && item != "compact") return false;
    (item == "delete" ? deletes : compacts) = true;
    return true;
  });
  if (!known) return false;
  config.delete_policy = deletes;
  config.compact_policy = compacts;
  return true;
}

std::string get_cleanup_policy(const TopicConfig& config) {
  if (!config.compact_policy) return "delete";
  return config.delete_policy ? "compact,delete" : "compact";
}

// Nothing, "*", or partition:node with commas between.
bool is_replica_list(std::string_view text) {
  if (trimmed(text).empty() || trimmed(text) == "*") return true;
  return all_items(text, [](std::string_view item) {
    const size_t colon = item.find(':');
    if (colon == std::string_view::npos) return false;
    return parse_number<int64_t>(item.substr(0, colon), 0, INT32_MAX).has_value() &&
           parse_number<int64_t>(item.substr(colon + 1), 0, INT32_MAX).has_value();
  });
}

template <auto Field>
bool set_replica_list(TopicConfig& config, std::string_view text) {
  if (text.size() > kTextBytesMax || !is_replica_list(text)) return false;
  config.*Field = std::string(trimmed(text));
  return true;
}

template <auto Field>
std::string get_text(const TopicConfig& config) {
  return config.*Field;
}

struct Names {
  std::string_view topic;
  std::string_view node;
};

template <auto Field, int64_t Low, int64_t High = std::numeric_limits<FieldType<Field>>::max()>
constexpr TopicConfigEntry number(Names names, std::string_view default_text,
                                  std::string_view values, std::string_view doc) {
  const ConfigType type = sizeof(FieldType<Field>) == 8 ? ConfigType::int64 : ConfigType::int32;
  return {
      names.topic,      names.node, type, default_text, values, doc, set_integer<Field, Low, High>,
      get_number<Field>};
}

template <auto Field, auto& Choices>
constexpr TopicConfigEntry choice(Names names, std::string_view default_text,
                                  std::string_view values, std::string_view doc) {
  const bool boolean = Choices[0] == "false";
  return {names.topic,
          names.node,
          boolean ? ConfigType::boolean : ConfigType::string,
          default_text,
          values,
          doc,
          set_choice<Field, Choices>,
          get_choice<Field, Choices>};
}

template <auto Field>
constexpr TopicConfigEntry boolean(Names names, std::string_view default_text,
                                   std::string_view doc) {
  return choice<Field, kBooleans>(names, default_text, "[false, true]", doc);
}

template <auto Field>
constexpr TopicConfigEntry replica_list(std::string_view name, std::string_view doc) {
  return {name,
          "",
          ConfigType::list,
          "",
          "[partition:node],...",
          doc,
          set_replica_list<Field>,
          get_text<Field>};
}

using C = TopicConfig;
constexpr std::string_view kForever = "9223372036854775807";

constexpr std::array kTable = {
    TopicConfigEntry{
        "cleanup.policy", "log.cleanup.policy", ConfigType::list, "delete", "[compact, delete]",
        "How old records go: by retention, by keeping the last record of every key, or by both.",
        set_cleanup_policy, get_cleanup_policy},
    number<&C::gzip_level, -1, 9>({"compression.gzip.level", "compression.gzip.level"}, "-1",
                                  "[1,...,9] or -1", "The level where compression.type is gzip."),
    number<&C::lz4_level, 1, 17>({"compression.lz4.level", "compression.lz4.level"}, "9",
                                 "[1,...,17]", "The level where compression.type is lz4."),
    choice<&C::compression, kCompressionTypes>(
        {"compression.type", "compression.type"}, "producer",
        "[producer, uncompressed, gzip, snappy, lz4, zstd]",
        "What record batches are kept as; producer: as they came."),
    number<&C::zstd_level, -131072, 22>({"compression.zstd.level", "compression.zstd.level"}, "3",
                                        "[-131072,...,22]",
                                        "The level where compression.type is zstd."),
    number<&C::delete_retention_ms, 0>({"delete.retention.ms", "log.cleaner.delete.retention.ms"},
                                       "86400000", "[0,...]",
                                       "How long compaction keeps a record that deletes its key."),
    number<&C::file_delete_delay_ms, 0>(
        {"file.delete.delay.ms", "log.segment.delete.delay.ms"}, "60000", "[0,...]",
        "No effect: files are recycled, or deleted when their last reader is done."),
    number<&C::flush_messages, 1>(
        {"flush.messages", "log.flush.interval.messages"}, kForever, "[1,...]",
        "No effect: penstock.durability says when records are flushed, at most 50 ms later."),
    number<&C::flush_ms, 0>(
        {"flush.ms", "log.flush.interval.ms"}, kForever, "[0,...]",
        "No effect: penstock.durability says when records are flushed, at most 50 ms later."),
    replica_list<&C::follower_throttled_replicas>("follower.replication.throttled.replicas",
                                                  "No effect: there is one replica."),
    number<&C::index_interval_bytes, 0>({"index.interval.bytes", "log.index.interval.bytes"},
                                        "4096", "[0,...]",
                                        "No effect: the index finds every record with one read."),
    replica_list<&C::leader_throttled_replicas>("leader.replication.throttled.replicas",
                                                "No effect: there is one replica."),
    number<&C::local_retention_bytes, -2>({"local.retention.bytes", "log.local.retention.bytes"},
                                          "-2", "[-2,...]", "No effect: all records are local."),
    number<&C::local_retention_ms, -2>({"local.retention.ms", "log.local.retention.ms"}, "-2",
                                       "[-2,...]", "No effect: all records are local."),
    number<&C::max_compaction_lag_ms, 1>(
        {"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"}, kForever, "[1,...]",
        "A record is looked at by compaction no later than this after its append."),
    number<&C::max_message_bytes, 0, kMaxMessageBytesLimit>(
        {"max.message.bytes", "message.max.bytes"}, "1048588", "[0,...,4177920]",
        "The largest record batch that is taken."),
    number<&C::timestamp_after_ms_max, 0>(
        {"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"}, "3600000",
        "[0,...]", "How far a record's own time may be ahead of the node's."),
    number<&C::timestamp_before_ms_max, 0>(
        {"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"}, kForever,
        "[0,...]", "How far a record's own time may be behind the node's."),
    choice<&C::log_append_time, kTimestampTypes>(
        {"message.timestamp.type", "log.message.timestamp.type"}, "CreateTime",
        "[CreateTime, LogAppendTime]",
        "Whether a record's time is its producer's, or that of its append."),
    TopicConfigEntry{
        "min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", ConfigType::real, "0.5",
        "[0,...,1]", "Compaction begins when so much of the log has not been compacted.",
        set_ratio<&C::min_cleanable_dirty_ratio>, get_number<&C::min_cleanable_dirty_ratio>},
    number<&C::min_compaction_lag_ms, 0>(
        {"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"}, "0", "[0,...]",
        "Compaction leaves a record as it is for at least this long."),
    number<&C::min_insync_replicas, 1>(
        {"min.insync.replicas", "min.insync.replicas"}, "1", "[1,...]",
        "No effect: there is one replica, and never fewer are asked for than there are."),
    boolean<&C::check_compressed>(
        {"penstock.check.compressed", "penstock.check.compressed"}, "true",
        "Whether the records inside compressed batches are checked as they come in. Without it a "
        "producer's damaged batch is kept, and every consumer fails at it."),
    choice<&C::durability, kDurabilities>(
        {"penstock.durability", "penstock.durability"}, "flushed", "[flushed, written, buffered]",
        "What has happened to a record when it is acknowledged: flushed survives power loss, "
        "written a crash of the process."),
    boolean<&C::preallocate>({"preallocate", "log.preallocate"}, "false",
                             "No effect: files always have their space before they are used."),
    choice<&C::remote_storage, kOnlyFalse>({"remote.storage.enable", ""}, "false", "[false]",
                                           "Records are kept on this node only."),
    number<&C::retention_bytes, -1>(
        {"retention.bytes", "log.retention.bytes"}, "-1", "[-1,...]",
        "Of one partition: what is beyond is dropped, the oldest file first; -1: never."),
    number<&C::retention_ms, -1>({"retention.ms", "log.retention.ms"}, "604800000", "[-1,...]",
                                 "Older records are dropped, a file at a time; -1: never."),
    number<&C::segment_bytes, 14, INT32_MAX>({"segment.bytes", "log.segment.bytes"}, "1073741824",
                                             "[14,...]", "The largest file of a partition's log."),
    number<&C::segment_index_bytes, 4>({"segment.index.bytes", "log.index.size.max.bytes"},
                                       "10485760", "[4,...]",
                                       "No effect: the index's size follows from the file's."),
    number<&C::segment_jitter_ms, 0>({"segment.jitter.ms", "log.roll.jitter.ms"}, "0", "[0,...]",
                                     "By up to so much a file takes records for less long."),
    number<&C::segment_ms, 1>({"segment.ms", "log.roll.ms"}, "604800000", "[1,...]",
                              "A file takes records for no longer than this."),
    boolean<&C::unclean_leader_election>(
        {"unclean.leader.election.enable", "unclean.leader.election.enable"}, "false",
        "No effect: there is one replica."),
};

static_assert(std::ranges::is_sorted(kTable, {}, &TopicConfigEntry::name));

}  // namespace

std::span<const TopicConfigEntry> topic_config_table() { return kTable; }

const TopicConfigEntry* find_topic_config(std::string_view name) {
  const auto found = std::ranges::lower_bound(kTable, name, {}, &TopicConfigEntry::name);
  return found != kTable.end() && found->name == name ? &*found : nullptr;
}

const TopicConfigEntry* find_topic_config_of_node(std::string_view node_name) {
  if (node_name.empty()) return nullptr;
  const auto found = std::ranges::find(kTable, node_name, &TopicConfigEntry::node_name);
  return found != kTable.end() ? &*found : nullptr;
}

bool parse_config_number(std::string_view text, int64_t low, int64_t high, int64_t& value) {
  const std::optional<int64_t> parsed = parse_number<int64_t>(text, low, high);
  if (parsed) value = *parsed;
  return parsed.has_value();
}

TopicConfig TopicConfig::kafka_defaults() {
  TopicConfig config;
  for (const TopicConfigEntry& entry : kTable) check(entry.set(config, entry.default_text));
  return config;
}

namespace {

Result<TopicConfig> parse_entries(const TopicConfig::Entries& entries,
                                  const TopicConfigEntry* (*find)(std::string_view),
                                  std::string& what, const TopicConfig& defaults) {
  TopicConfig config = defaults;
  for (const auto& [name, value] : entries) {
    const TopicConfigEntry* const entry = find(name);
    if (entry == nullptr) {
      what = fmt::format("Unknown topic config name: {}", shortened(name));
      return Error::invalid_argument;
    }
    if (entry->set(config, value)) continue;
    what = fmt::format("Invalid value {} for configuration {}: it takes {}", shortened(value), name,
                       entry->values);
    return Error::invalid_argument;
  }
  return config;
}

}  // namespace

Result<TopicConfig> TopicConfig::parse(const Entries& entries, std::string& what,
                                       const TopicConfig& defaults) {
  return parse_entries(entries, find_topic_config, what, defaults);
}

Result<TopicConfig> TopicConfig::parse_of_node(const Entries& entries, std::string& what,
                                               const TopicConfig& defaults) {
  return parse_entries(entries, find_topic_config_of_node, what, defaults);
}

}  // namespace penstock
