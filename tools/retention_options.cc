#include "tools/retention_options.h"

namespace penstock {
namespace {

constexpr int64_t kMsPerMinute = 60'000;
constexpr int64_t kMsPerHour = 60 * kMsPerMinute;

template <class Number>
CLI::Option* add_number(CLI::App& command, const std::string& name, Number& number, int64_t low,
                        int64_t high, const std::string& unit, const std::string& description) {
  return command.add_option(name, number, description)
      ->type_name(unit)
      ->check(CLI::Range(low, high));
}

// -1 stays: no limit.
int64_t times(int64_t count, int64_t unit_ms) { return count < 0 ? count : count * unit_ms; }

}  // namespace

void add_retention_options(CLI::App& command, RetentionSettings& settings) {
  constexpr int64_t kMaxMs = INT64_MAX;
  add_number(command, "--log.retention.hours", settings.retention_hours, -1, INT32_MAX, "hours",
             "Older records are dropped, a file at a time; -1: never. A topic's own configs win.")
      ->capture_default_str();
  add_number(command, "--log.retention.minutes", settings.retention_minutes, -1, INT32_MAX,
             "minutes", "The same; wins over hours.");
  add_number(command, "--log.retention.ms", settings.retention_ms, -1, kMaxMs, "ms",
             "The same; wins over both.");
  add_number(command, "--log.retention.bytes", settings.retention_bytes, -1, INT64_MAX, "bytes",
             "Of one partition; what is beyond is dropped, the oldest file first; -1: never.")
      ->capture_default_str();
  add_number(command, "--log.segment.bytes", settings.segment_bytes, 14, INT32_MAX, "bytes",
             "The largest file of a partition's log.")
      ->capture_default_str();
  add_number(command, "--log.roll.hours", settings.roll_hours, 1, INT32_MAX, "hours",
             "A file takes records for no longer than this.")
      ->capture_default_str();
  add_number(command, "--log.roll.ms", settings.roll_ms, 1, kMaxMs, "ms",
             "The same; wins over hours.");
  add_number(command, "--log.retention.check.interval.ms", settings.check_interval_ms, 1,
             INT64_MAX / 1'000'000, "ms", "Between looks at what is too old or too much.")
      ->capture_default_str();
}

void apply_retention(const RetentionSettings& settings, EngineOptions& engine) {
  TopicConfig& defaults = engine.topic_defaults;
  defaults = TopicConfig::kafka_defaults();
  defaults.retention_ms = times(settings.retention_hours, kMsPerHour);
  if (settings.retention_minutes) {
    defaults.retention_ms = times(*settings.retention_minutes, kMsPerMinute);
  }
  if (settings.retention_ms) defaults.retention_ms = *settings.retention_ms;
  defaults.retention_bytes = settings.retention_bytes;
  defaults.segment_bytes = static_cast<uint64_t>(settings.segment_bytes);
  defaults.segment_ms = settings.roll_ms.value_or(settings.roll_hours * kMsPerHour);
  engine.retention_interval_ns = static_cast<uint64_t>(settings.check_interval_ms) * 1'000'000;
}

}  // namespace penstock
