// What `penstock bench produce` and `consume` share: their options, and their rounds against any broker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/bench_result.h"
#include "tools/command.h"
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
  std::string against = "none";  // iperf3, fio, min(iperf3,fio), ping-pong, one-partition, none
  bool json = false;
};

// `kinds`: of what --against may name, `help` says what they are.
void add_remote_options(const Command& command, RemoteSettings& settings,
                        std::vector<std::string> kinds, const std::string& help);

// Empty: all well.
std::string wrong_with(const RemoteSettings& settings);

struct RemoteWork {
  KafkaLoad& load;
  bool read = false;  // fio reads; else it overwrites
  // The same load for the server at an address, for --against=ping-pong.
  std::function<std::unique_ptr<KafkaLoad>(const NetworkAddress&)> load_for;
  // The same on a topic of one partition, for --against=one-partition. Null, and `wrong` says why, if there is none.
  std::function<std::unique_ptr<KafkaLoad>(std::string& wrong)> load_for_one_partition;
  std::function<void(nlohmann::ordered_json&)> describe;  // adds to the result
};

// Runs the load window by window in turns with what it is compared with, and prints.
int run_remote(const RemoteSettings& settings, BenchResult& result, const RemoteWork& work);

}  // namespace penstock
