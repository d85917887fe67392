#include "tools/group_options.h"

#include <limits>

namespace penstock {
namespace {

constexpr int32_t kMillisecondsMax = std::numeric_limits<int32_t>::max();

template <class T>
void add(CLI::App& serve, const char* name, T& value, T least, T most, const char* unit,
         const char* text) {
  serve.add_option(name, value, text)
      ->type_name(unit)
      ->check(CLI::Range(least, most))
      ->capture_default_str();
}

}  // namespace

void add_group_options(CLI::App& serve, kafka::GroupSettings& settings) {
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
}

}  // namespace penstock
