// What `penstock bench produce` and `consume` share: their options, and their rounds against any broker.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tools/bench_result.h"
#include "tools/kafka_load.h"

namespace penstock {

struct RemoteSettings {
  std::string bootstrap;
  std::string topic = "penstock-bench";
  int32_t partitions = 1;
  uint64_t duration_ms = 7000;
  uint64_t window_ms = 500;
  KafkaLoad::Options load;
  int core = -1;                   // -1: wherever
  int broker_core = 0;             // of what the broker is compared with
  int32_t broker_process = 0;      // 0: not known
  uint64_t block_bytes = 1 << 20;  // of fio's, as of the load's
  std::string hdr_log;
  std::string data_directory = "./penstock-bench";
  std::string against = "none";
  bool json = false;
};

void add_remote_options(CLI::App& command, RemoteSettings& settings);

// Empty: all well.
std::string wrong_with(const RemoteSettings& settings);

// Runs `load` window by window in turns with what it is compared with, and prints. `read`: fio reads; else it
// overwrites. `describe` adds to the result.
int run_remote(const RemoteSettings& settings, BenchResult& result, KafkaLoad& load, bool read,
               const std::function<void(nlohmann::ordered_json&)>& describe);

}  // namespace penstock
