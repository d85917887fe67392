// How compaction works, and how much of the machine it may take: options of `penstock serve` with Kafka's names.
#pragma once

#include <cstdint>

#include "engine/engine.h"
#include "tools/command.h"

namespace penstock {

struct CleanerSettings {
  bool enabled = true;
  int64_t backoff_ms = 15'000;
  int64_t dedupe_buffer_bytes = 128 << 20;
  double io_bytes_per_second = 0;  // 0: no limit
};

// `settings` outlives the parsing.
void add_cleaner_options(const Command& command, CleanerSettings& settings);

void apply_cleaner(const CleanerSettings& settings, EngineOptions& engine);

}  // namespace penstock
