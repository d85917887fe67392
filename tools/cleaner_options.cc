#include "tools/cleaner_options.h"

#include <algorithm>

namespace penstock {
namespace {

// More than any disk does is no limit; Kafka's default is the largest double.
constexpr double kNoLimit = 1e15;

}  // namespace

void add_cleaner_options(const Command& command, CleanerSettings& settings) {
  command
      .add_option("--log.cleaner.enable", settings.enabled,
                  "Topics whose cleanup.policy says so are compacted: true, false.")
      .type_name("bool")
      .default_str("true");
  command
      .add_option("--log.cleaner.backoff.ms", settings.backoff_ms,
                  "Between looks at what there is to compact.")
      .type_name("ms")
      .between(int64_t{1}, INT64_MAX / 1'000'000)
      .capture_default_str();
  command
      .add_option("--log.cleaner.dedupe.buffer.size", settings.dedupe_buffer_bytes,
                  "For the keys of what is compacted at one time, at most; 36 bytes each.")
      .type_name("bytes")
      .between(int64_t{1} << 10, INT64_MAX)
      .capture_default_str();
  command
      .add_option("--log.cleaner.io.max.bytes.per.second", settings.io_bytes_per_second,
                  "Compaction reads and writes no more; 0: no limit.")
      .type_name("bytes")
      .not_negative()
      .capture_default_str();
}

void apply_cleaner(const CleanerSettings& settings, EngineOptions& engine) {
  engine.cleaner_enabled = settings.enabled;
  engine.cleaner_interval_ns = static_cast<uint64_t>(settings.backoff_ms) * 1'000'000;
  engine.cleaner_key_bytes_max = static_cast<uint64_t>(settings.dedupe_buffer_bytes);
  const bool limited = settings.io_bytes_per_second > 0 && settings.io_bytes_per_second < kNoLimit;
  engine.cleaner_bytes_per_second =
      limited ? std::max<uint64_t>(static_cast<uint64_t>(settings.io_bytes_per_second), 1) : 0;
}

}  // namespace penstock
