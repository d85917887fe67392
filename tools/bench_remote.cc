#include "tools/bench_remote.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>

#include "tools/bench_directory.h"
#include "tools/bench_fio.h"
#include "tools/bench_iperf.h"
#include "tools/bench_options.h"
#include "tools/bench_ping_pong.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/hdr_log.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

// User and system time, of all threads; 0 if there is no such process.
double cpu_seconds_of(int32_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  unsigned long user = 0;
  unsigned long system = 0;
  constexpr const char* kFields = " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
  if (std::sscanf(text.c_str() + name_end + 1, kFields, &user, &system) != 2) return 0;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

bool needs_directory(const RemoteSettings& settings) {
  return settings.against.find("fio") != std::string::npos || settings.against == "ping-pong";
}

class RemoteBench {
 public:
  RemoteBench(const RemoteSettings& settings, BenchResult& result, const RemoteWork& work)
      : settings_(settings),
        result_(result),
        work_(work),
        load_(work.load),
        iperf_(settings.broker_core, std::max(settings.core, 0)),
        with_iperf_(settings.against.find("iperf3") != std::string::npos) {
    if (settings.against.find("fio") == std::string::npos) return;
    FioReference::Options options;
    options.pattern = work.read ? FioReference::Pattern::read : FioReference::Pattern::overwrite;
    options.file = settings.data_directory + "/fio-reference";
    options.block_bytes = settings.block_bytes;
    options.core = settings.broker_core;
    options.window_ms = settings.window_ms;
    fio_.emplace(options);
  }

  bool prepare();
  bool measure();
  void describe();

 private:
  bool start_reference_load();
  bool compare(double engine_rate);
  bool compare_with_load(const BenchWindow& engine, const LatencyHistogram& engine_latency);

  const RemoteSettings& settings_;
  BenchResult& result_;
  const RemoteWork& work_;
  KafkaLoad& load_;
  IperfReference iperf_;
  bool with_iperf_;
  std::optional<FioReference> fio_;
  BenchReporter reporter_;
  std::unique_ptr<PingPongServer> ping_pong_;
  std::unique_ptr<KafkaLoad> reference_load_;
  LatencyHistogram reference_latency_;
  std::vector<double> p99_ratios_;
  std::unique_ptr<HdrLog> log_;
  double broker_cpu_seconds_ = 0;
  uint64_t bytes_ = 0;
};

bool RemoteBench::prepare() {
  if (settings_.core >= 0 && !pin_to(settings_.core)) {
    complain(fmt::format("--core={}: there is no such core", settings_.core));
    return false;
  }
  if (!settings_.hdr_log.empty()) {
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    log_ = HdrLog::create(settings_.hdr_log, now);
    if (!log_) {
      complain(fmt::format("--hdr-log={} cannot be written", settings_.hdr_log));
      return false;
    }
  }
  if (needs_directory(settings_)) {
    std::optional<std::string> wrong = prepare_bench_directory(settings_.data_directory);
    if (!wrong && fio_) wrong = fio_->lay_out();
    if (wrong) {
      complain(*wrong);
      return false;
    }
  }
  if (!start_reference_load()) return false;
  if (load_.connect()) return true;
  complain(load_.failure());
  return false;
}

bool RemoteBench::start_reference_load() {
  constexpr uint32_t kAroundBatchBytes = 4096;
  std::string wrong;
  if (settings_.against == "ping-pong") {
    ping_pong_ = PingPongServer::start(
        {.file = settings_.data_directory + "/ping-pong",
         .frame_bytes_max = static_cast<uint32_t>(settings_.block_bytes) + kAroundBatchBytes,
         .core = settings_.broker_core},
        reporter_, wrong);
    if (ping_pong_) reference_load_ = work_.load_for(ping_pong_->address());
  } else if (settings_.against == "one-partition") {
    reference_load_ = work_.load_for_one_partition(wrong);
  } else {
    return true;
  }
  if (reference_load_ && reference_load_->connect()) return true;
  complain(reference_load_ ? reference_load_->failure() : wrong);
  return false;
}

bool RemoteBench::measure() {
  const double began = monotonic_seconds();
  const uint64_t round_ms = settings_.window_ms * (settings_.against == "none" ? 1 : 2);
  const uint64_t rounds = std::max<uint64_t>(1, settings_.duration_ms / round_ms);
  for (uint64_t round = 0; round < rounds; ++round) {
    LatencyHistogram latency;
    const double cpu_began = cpu_seconds_of(settings_.broker_process);
    const double window_began = monotonic_seconds();
    const BenchWindow window = load_.run(settings_.window_ms, latency);
    if (!load_.failure().empty()) {
      complain(load_.failure());
      return false;
    }
    broker_cpu_seconds_ += cpu_seconds_of(settings_.broker_process) - cpu_began;
    bytes_ += window.bytes;
    result_.add_window(window);
    result_.latency().add(latency);
    if (log_) log_->add(latency, window_began - began, window.seconds);
    if (reference_load_) {
      if (!compare_with_load(window, latency)) return false;
    } else if (settings_.against != "none" && !compare(window.bytes_per_second())) {
      return false;
    }
  }
  result_.check_rounds(settings_.window_ms);
  if (log_ && !log_->close()) {
    complain(fmt::format("--hdr-log={} could not be written", settings_.hdr_log));
    return false;
  }
  return true;
}

bool RemoteBench::compare(double engine_rate) {
  std::optional<double> reference;
  std::string wrong;
  if (with_iperf_) reference = iperf_.run(wrong);
  if (fio_ && wrong.empty()) {
    const std::optional<double> disk = fio_->run(wrong);
    if (disk) reference = reference ? std::min(*reference, *disk) : *disk;
  }
  if (!wrong.empty()) {
    complain(wrong);
    return false;
  }
  result_.add_round(engine_rate, *reference);
  result_.add_reference_rate(*reference);
  return true;
}

bool RemoteBench::compare_with_load(const BenchWindow& engine,
                                    const LatencyHistogram& engine_latency) {
  LatencyHistogram latency;
  const BenchWindow window = reference_load_->run(settings_.window_ms, latency);
  if (!reference_load_->failure().empty()) {
    complain(settings_.against + ": " + reference_load_->failure());
    return false;
  }
  const auto seconds = [](const LatencyHistogram& of, double quantile) {
    return static_cast<double>(of.value_at(quantile)) / 1e9;
  };
  if (ping_pong_) {
    result_.add_round(seconds(engine_latency, 0.5), seconds(latency, 0.5));
  } else {
    result_.add_round(engine.bytes_per_second(), window.bytes_per_second());
  }
  p99_ratios_.push_back(seconds(engine_latency, 0.99) / seconds(latency, 0.99));
  result_.add_reference_rate(window.bytes_per_second());
  reference_latency_.add(latency);
  return true;
}

void RemoteBench::describe() {
  nlohmann::ordered_json& extra = result_.extra();
  if (ping_pong_) {
    extra["reference_command"] = fmt::format(
        "the same requests to a server on core {} that only writes each durably (RWF_DSYNC) and "
        "answers",
        settings_.broker_core);
    extra["ratio_of"] = "p50, seconds";
  } else if (reference_load_) {
    extra["reference_command"] = "the same load on a topic of one partition";
  }
  if (reference_load_) {
    extra["p99_ratio"] = BenchResult::rounded(median_of(p99_ratios_));
    extra["reference_latency_us"] = BenchResult::latencies(reference_latency_);
  }
  if (with_iperf_) extra["reference_command"].push_back(iperf_.command());
  if (fio_) extra["reference_command"].push_back(fio_->command());
  if (settings_.broker_process != 0) {
    extra["broker_cpu_seconds_per_gb"] =
        bytes_ == 0 ? 0 : broker_cpu_seconds_ / (static_cast<double>(bytes_) / 1e9);
  }
  extra["connections"] = settings_.load.connections;
  extra["in_flight"] = settings_.load.in_flight;
  extra["rate"] = settings_.load.rate;
  extra["latency_from"] =
      settings_.load.rate > 0 ? "the time it was meant to be sent" : "the time it was sent";
}

}  // namespace

void add_remote_options(const Command& command, RemoteSettings& settings,
                        std::vector<std::string> kinds, const std::string& help) {
  command.add_option("--bootstrap", settings.bootstrap, "A broker, as 127.0.0.1:9092.")
      .type_name("address")
      .required();
  command.add_option("--topic", settings.topic, "Made if it is not there.")
      .type_name("name")
      .capture_default_str();
  command.add_option("--partitions", settings.partitions, "Of a topic that is made.")
      .type_name("count")
      .between(1, 100'000)
      .capture_default_str();
  command.add_option("--connections", settings.load.connections, "At least one to each leader.")
      .type_name("count")
      .between(1, 10'000)
      .capture_default_str();
  command.add_option("--in-flight", settings.load.in_flight, "Requests unanswered on a connection.")
      .type_name("count")
      .between(1, 10'000)
      .capture_default_str();
  command
      .add_option("--rate", settings.load.rate,
                  "Requests a second, in an open loop. [default: as fast as they are answered]")
      .type_name("number")
      .between(0.001, 1e9);
  command.add_flag("--spin", settings.load.spin, "Looks for answers without sleeping.");
  command
      .add_option("--core", settings.core, "Where this thread is pinned to, and iperf3's client.")
      .type_name("number")
      .between(0, 1023);
  command
      .add_option("--broker-core", settings.broker_core,
                  "Where iperf3's server, fio and the ping-pong server are pinned to.")
      .type_name("number")
      .between(0, 1023)
      .capture_default_str();
  command
      .add_option("--broker-pid", settings.broker_process,
                  "The broker's process here: its processor time is told too.")
      .type_name("number")
      .between(1, 1 << 22);
  add_window_options(command, settings.duration_ms, settings.window_ms);
  command.add_option("--against", settings.against, help)
      .type_name("what")
      .one_of(std::move(kinds))
      .capture_default_str();
  command
      .add_option("--data-dir", settings.data_directory,
                  "Where the reference's file is: on the broker's disk, a directory of its own.")
      .type_name("path")
      .capture_default_str();
  command
      .add_option("--hdr-log", settings.hdr_log,
                  "Latencies, window by window, as an HdrHistogram log.")
      .type_name("file");
  command.add_flag("--json", settings.json, "The result as one JSON object.");
}

std::string wrong_with(const RemoteSettings& settings) {
  if (!parse_address(settings.bootstrap)) {
    return fmt::format("--bootstrap={} is not an address such as 127.0.0.1:9092",
                       settings.bootstrap);
  }
  if (settings.window_ms == 0) return "--window is to be longer than nothing";
  if (settings.duration_ms < settings.window_ms) return "--duration is shorter than one --window";
  return {};
}

int run_remote(const RemoteSettings& settings, BenchResult& result, const RemoteWork& work) {
  RemoteBench bench(settings, result, work);
  const bool done = bench.prepare() && bench.measure();
  if (needs_directory(settings)) remove_bench_directory(settings.data_directory);
  if (!done) return kExitFailed;
  bench.describe();
  work.describe(result.extra());
  result.print(settings.json);
  return kExitDone;
}

}  // namespace penstock
