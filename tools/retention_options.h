// What topics keep where they say nothing themselves: the options of `penstock serve` with Kafka's names.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>

#include "engine/engine.h"

namespace penstock {

// As given; of several units the finest counts, as in Kafka.
struct RetentionSettings {
  int64_t retention_hours = 168;
  std::optional<int64_t> retention_minutes;
  std::optional<int64_t> retention_ms;
  int64_t retention_bytes = -1;
  int64_t segment_bytes = int64_t{1} << 30;
  int64_t roll_hours = 168;
  std::optional<int64_t> roll_ms;
  int64_t check_interval_ms = 5000;
};

// `settings` outlives the parsing.
void add_retention_options(CLI::App& command, RetentionSettings& settings);

// Into the engine's defaults for topics, and how often it looks.
void apply_retention(const RetentionSettings& settings, EngineOptions& engine);

}  // namespace penstock
