#include "tools/serve_command.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "io/reactor.h"
#include "tools/broker_options.h"
#include "tools/cleaner_options.h"
#include "tools/command_line.h"
#include "tools/descriptor_limit.h"
#include "tools/exit_status.h"
#include "tools/fetch_options.h"
#include "tools/file_system.h"
#include "tools/group_options.h"
#include "tools/huge_pages.h"
#include "tools/listen_address.h"
#include "tools/node.h"
#include "tools/toml_config.h"

namespace penstock {
namespace {

constexpr const char* kHttpListen = "127.0.0.1:9644";

struct ServeSettings {
  std::vector<std::string> data_directories = {"./penstock-data"};
  std::vector<std::string> kafka_listen = {"127.0.0.1:9092"};
  std::vector<std::string> http_listen = {kHttpListen};
  bool http_chosen = false;  // by the user, who is told if it cannot be had
  std::string advertise;
  uint32_t reactor_count = 0;  // 0: one per core
  std::vector<int> cores;
  std::string io = "auto";
  std::string poll = "adaptive";
  uint64_t memory_bytes = 128 << 20;
  std::string shared_flush = "auto";
  kafka::GroupSettings groups;
  kafka::ServerOptions server;  // what is said of fetches
  std::string log_level = "info";
  std::string config_file;
  std::shared_ptr<kafka::BrokerConfig> broker = std::make_shared<kafka::BrokerConfig>();
  int64_t producer_expiration_ms = ProducerLimits().expiration_ms;
  CleanerSettings cleaner;
};

// The library's lines, to the program's log. Until all reactors serve, what each of them has to tell is told once.
class LogReporter : public Reporter {
 public:
  void report(Severity severity, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    if (starting_ && !told_.emplace(text).second) return;
    switch (severity) {
      case Severity::info: spdlog::info("{}", text); break;
      case Severity::warning: spdlog::warn("{}", text); break;
      case Severity::error: spdlog::error("{}", text); break;
    }
  }
  void started() {
    const std::lock_guard lock(mutex_);
    starting_ = false;
    told_.clear();
  }

 private:
  std::mutex mutex_;
  bool starting_ = true;
  std::set<std::string> told_;
};

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

// Connections get two thirds of the descriptors, segment files the rest: files not used for long are closed before an
// engine has them all (a few are not segments), but clients stay.
void share_out_descriptors(uint64_t descriptor_count, Reactors::Options& reactors) {
  constexpr uint64_t kReserve = 128;
  constexpr uint64_t kFilesMax = 1 << 18;
  constexpr uint64_t kSocketsMax = 1 << 16;
  const uint64_t each = (descriptor_count - std::min(descriptor_count / 2, kReserve)) /
                        std::max<uint64_t>(reactors.reactor_count, 1);
  reactors.open_files_max = static_cast<uint32_t>(std::clamp<uint64_t>(each / 3, 1, kFilesMax));
  reactors.sockets_max = static_cast<uint32_t>(std::clamp<uint64_t>(each * 2 / 3, 1, kSocketsMax));
}

// What the settings mean, or what is wrong with them.
struct Plan {
  Reactors::Options reactors;
  EngineOptions engine;
  kafka::ServerOptions server;
  kafka::ConnectionLimits connections;
  kafka::QuotaSettings quotas;
  kafka::GroupSettings groups;
  http::HttpOptions http;
  std::vector<std::string> directories;  // for the log: each with what holds it
};

// "PLAINTEXT://host:port" is host:port; without a host, all of this machine's addresses.
std::string without_protocol(const std::string& listener) {
  const size_t separator = listener.find("://");
  if (separator == std::string::npos) return listener;
  std::string address = listener.substr(separator + 3);
  return address.starts_with(':') ? "0.0.0.0" + address : address;
}

// What Kafka's names say, as our own options would have.
void adopt_listeners(const kafka::BrokerSettings& broker, ServeSettings& settings) {
  if (!broker.listeners.empty()) settings.kafka_listen.clear();
  for (const std::string& listener : split_list(broker.listeners)) {
    if (!listener.empty()) settings.kafka_listen.push_back(without_protocol(listener));
  }
  if (!broker.advertised_listeners.empty()) {
    settings.advertise = without_protocol(broker.advertised_listeners);
  }
  if (!broker.log_dirs.empty()) {
    settings.data_directories = split_list(broker.log_dirs);
  }
}

// So that an administrator sees under Kafka's names what our own options said.
void name_addresses(kafka::BrokerConfig& config, const kafka::ServerOptions& server) {
  std::vector<std::string> listeners;
  for (const NetworkAddress& address : server.listen) {
    listeners.push_back("PLAINTEXT://" + address_text(address));
  }
  std::string what;
  (void)config.give("listeners", fmt::format("{}", fmt::join(listeners, ",")), what);
  if (!server.advertise) return;
  (void)config.give("advertised.listeners", "PLAINTEXT://" + address_text(*server.advertise), what);
}

std::optional<std::string> plan_network(const ServeSettings& settings, PortHolder& ports,
                                        kafka::ServerOptions& server) {
  for (const std::string& text : settings.kafka_listen) {
    std::optional<NetworkAddress> address = parse_address(text);
    if (!address) {
      return fmt::format("--kafka-listen={} is not an address such as 127.0.0.1:9092 or [::1]:9092",
                         text);
    }
    if (address->port == 0 && !ports.choose(*address)) {
      return fmt::format("--kafka-listen={}: no port can be had there", text);
    }
    server.listen.push_back(*address);
  }
  if (!settings.advertise.empty()) {
    server.advertise = parse_address(settings.advertise);
    if (!server.advertise) {
      return fmt::format("--advertise={} is not a host and port", settings.advertise);
    }
  }
  server.fetch_bytes_max = settings.server.fetch_bytes_max;
  server.fetch_sessions = settings.server.fetch_sessions;
  return std::nullopt;
}

// An empty address is none.
std::optional<std::string> plan_http(const ServeSettings& settings, PortHolder& ports,
                                     http::HttpOptions& http) {
  for (const std::string& text : settings.http_listen) {
    if (text.empty()) continue;
    std::optional<NetworkAddress> address = parse_address(text);
    if (!address) return fmt::format("--http-listen={} is not an address", text);
    if (address->port == 0 && !ports.choose(*address)) {
      return fmt::format("--http-listen={}: no port can be had there", text);
    }
    http.listen.push_back(*address);
  }
  return std::nullopt;
}

// The first address to listen on that another server has, and keeps: a killed one's ring outlives it by some 50 ms.
std::optional<NetworkAddress> find_taken(const std::vector<std::string>& addresses,
                                         std::chrono::milliseconds patience) {
  const auto give_up_at = std::chrono::steady_clock::now() + patience;
  for (const std::string& text : addresses) {
    const std::optional<NetworkAddress> address = parse_address(text);
    while (address && address->port != 0 && is_taken(*address)) {
      if (std::chrono::steady_clock::now() > give_up_at) return address;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  return std::nullopt;
}

constexpr std::chrono::seconds kPortPatience(5);

// A second node on a machine works without its own page, unless it was asked for.
bool settle_http(const ServeSettings& settings, http::HttpOptions& http) {
  const std::chrono::milliseconds patience =
      settings.http_chosen ? kPortPatience : std::chrono::milliseconds(500);
  const std::optional<NetworkAddress> taken = find_taken(settings.http_listen, patience);
  if (!taken) return true;
  const std::string text = address_text(*taken);
  if (settings.http_chosen) {
    complain(fmt::format("cannot listen on {} for HTTP: the address is in use", text));
    return false;
  }
  spdlog::warn("{} is in use: there are no metrics; choose another address with --http-listen",
               text);
  http.listen.clear();
  return true;
}

void plan_reactors(const ServeSettings& settings, Reactors::Options& reactors) {
  std::vector<int> cores = settings.cores;
  if (cores.empty() && settings.reactor_count == 0) cores = allowed_cores();
  if (cores.empty()) {
    reactors.reactor_count = std::max<uint32_t>(settings.reactor_count, 1);
  } else {
    reactors.reactor_count = static_cast<uint32_t>(cores.size());
    reactors.cores = std::move(cores);
  }
  if (settings.io == "uring") reactors.backend = BackendChoice::uring;
  if (settings.io == "threads") reactors.backend = BackendChoice::threads;
  if (settings.poll == "spin") reactors.poll_mode = PollMode::spin;
  if (settings.poll == "wait") reactors.poll_mode = PollMode::wait;
  reactors.buffer_bytes_per_reactor = settings.memory_bytes;
}

// So that a directory that is given twice, once by another way, is told from two.
std::vector<std::string> canonical(const std::vector<std::string>& paths) {
  std::vector<std::string> result;
  for (const std::string& path : paths) {
    std::error_code failed;
    const std::filesystem::path found = std::filesystem::weakly_canonical(path, failed);
    result.push_back(failed ? path : found.string());
  }
  return result;
}

void plan_engine(const ServeSettings& settings, Plan& plan) {
  plan.engine.data_directories = canonical(settings.data_directories);
  plan.engine.producers.expiration_ms = settings.producer_expiration_ms;
  apply_cleaner(settings.cleaner, plan.engine);
  plan.engine.shared_flush = settings.shared_flush != "off";
  for (const std::string& directory : plan.engine.data_directories) {
    const SharedFlushVerdict verdict = judge_shared_flush(directory);
    if (settings.shared_flush == "auto" && !verdict.proved) plan.engine.shared_flush = false;
    plan.directories.push_back(fmt::format("{} ({})", directory, verdict.reason));
  }
}

void tell_readiness(const Plan& plan, const Reactors& reactors) {
  const std::string huge_pages = reactors.buffers_in_huge_pages() ? "huge pages" : "ordinary pages";
  spdlog::info("data in {}, {} reactor{} on {}, buffers in {}", fmt::join(plan.directories, ", "),
               reactors.count(), reactors.count() == 1 ? "" : "s", reactors.backend_name(),
               huge_pages);
  if (!reactors.buffers_in_huge_pages()) {
    spdlog::info("large writes are faster with huge pages: {}",
                 huge_pages_command(reactors.count() * plan.reactors.buffer_bytes_per_reactor));
  }
  for (const std::string& text : plan.server.broker_config->warnings()) spdlog::warn("{}", text);
  if (!plan.engine.shared_flush) {
    spdlog::warn("every file is flushed by itself: many partitions cost many flushes");
  }
  for (const NetworkAddress& address : plan.server.listen) {
    spdlog::info("Kafka clients connect to {}", address_text(address));
  }
  for (const NetworkAddress& address : plan.http.listen) {
    spdlog::info("metrics at http://{}/metrics", address_text(address));
  }
}

// Blocked in all threads, so that only the main thread's wait sees them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// What was acknowledged is safe already; what would be lost is only the time to recover.
void end_at_next_signal(const sigset_t& signals) {
  struct sigaction action {};
  action.sa_handler = [](int) { _exit(kExitFailed); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

int serve_until_signal(Plan plan, std::unique_ptr<PortHolder> ports) {
  const sigset_t signals = block_signals();
  LogReporter reporter;
  Result<std::unique_ptr<Reactors>> made = Reactors::create(plan.reactors, reporter);
  if (!made.ok()) {
    complain(fmt::format("the reactors cannot start: {}", name_of(made.error())));
    return kExitFailed;
  }
  Reactors& reactors = *made.value();
  Node node(plan.engine, plan.server, plan.connections, plan.quotas, plan.groups, plan.http,
            reactors.count());
  reactors.start([&node](Doors& doors) { return node.run(doors); });
  const bool started = node.wait_started();
  ports.reset();
  reporter.started();
  if (started) {
    tell_readiness(plan, reactors);
    int signal = 0;
    sigwait(&signals, &signal);
    spdlog::info("stopping; a second signal ends at once");
    end_at_next_signal(signals);
  }
  for (uint32_t i = 0; i < reactors.count(); ++i) reactors.post(i, node.stop_message(i));
  reactors.join();
  return started ? kExitDone : kExitFailed;
}

int run_serve(ServeSettings settings) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("penstock"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(settings.log_level));
  const uint64_t descriptor_count = raise_descriptor_limit();
  Plan plan;
  const kafka::BrokerSettings broker = settings.broker->settings();
  plan.engine = broker.engine;
  plan.server = broker.server;
  plan.server.broker_config = settings.broker;
  plan.connections = broker.connections;
  plan.quotas = broker.quotas;
  adopt_listeners(broker, settings);
  auto ports = std::make_unique<PortHolder>();
  if (const std::optional<std::string> wrong = plan_network(settings, *ports, plan.server)) {
    complain(*wrong);
    return kExitUsage;
  }
  if (const std::optional<std::string> wrong = plan_http(settings, *ports, plan.http)) {
    complain(*wrong);
    return kExitUsage;
  }
  if (const auto taken = find_taken(settings.kafka_listen, kPortPatience)) {
    complain(fmt::format("cannot listen on {}: the address is in use", address_text(*taken)));
    return kExitFailed;
  }
  if (!settle_http(settings, plan.http)) return kExitFailed;
  name_addresses(*settings.broker, plan.server);
  plan_reactors(settings, plan.reactors);
  share_out_descriptors(descriptor_count, plan.reactors);
  plan_engine(settings, plan);
  plan.groups = settings.groups;
  plan.engine.open_files_max =
      std::min(plan.engine.open_files_max, size_t{plan.reactors.open_files_max} / 4 * 3);
  return serve_until_signal(std::move(plan), std::move(ports));
}

}  // namespace

void add_serve_command(const Command& program, std::function<int()>& chosen) {
  const auto settings = std::make_shared<ServeSettings>();
  const Command serve = program.add_command(
      "serve",
      "Runs one node in the foreground until SIGTERM, then checkpoints and exits.\n"
      "Exit status: 0 stopped, 1 failed, 2 usage.");
  serve
      .add_option(
          "--data-dir", settings->data_directories,
          "Everything is kept here; created if absent. Once per disk; later starts need all.")
      .type_name("path")
      .take_all()
      .expected(1)
      .default_str("./penstock-data");
  serve
      .add_option("--kafka-listen", settings->kafka_listen,
                  "Where Kafka clients connect; may be given several times. Port 0: any.")
      .type_name("address")
      .take_all()
      .expected(1)
      .default_str("127.0.0.1:9092");
  serve
      .add_option(
          "--http-listen", settings->http_listen,
          "Where /metrics, /healthz and /readyz are; may be given several times. Empty: nowhere.")
      .type_name("address")
      .take_all()
      .expected(1)
      .default_str(kHttpListen);
  serve
      .add_option("--advertise", settings->advertise,
                  "What clients are told to connect to, if not the address they came by.")
      .type_name("address");
  serve
      .add_option("--reactors", settings->reactor_count,
                  "That many threads, not pinned. [default: one pinned to each allowed core]")
      .type_name("count")
      .between(1, 1024);
  serve.add_option("--cores", settings->cores, "One thread pinned to each of these, as 0,1,2.")
      .type_name("list")
      .delimiter(',')
      .excludes("--reactors");
  serve
      .add_option("--io", settings->io,
                  "io_uring, or threads and epoll where that is forbidden: auto, uring, threads.")
      .type_name("backend")
      .one_of({"auto", "uring", "threads"})
      .capture_default_str();
  serve
      .add_option("--poll", settings->poll,
                  "An idle core: adaptive spins briefly, then sleeps; spin; wait.")
      .type_name("mode")
      .one_of({"adaptive", "spin", "wait"})
      .capture_default_str();
  serve.add_option("--memory", settings->memory_bytes, "Buffers of each thread, taken at start.")
      .type_name("size")
      .size()
      .between(uint64_t{16} << 20, uint64_t{1} << 40)
      .default_str("128MiB");
  add_cleaner_options(serve, settings->cleaner);
  serve
      .add_option("--producer.id.expiration.ms", settings->producer_expiration_ms,
                  "Idempotent producers that append nothing for so long are forgotten.")
      .type_name("ms")
      .between(int64_t{1}, std::numeric_limits<int64_t>::max() / 2)
      .capture_default_str();
  serve
      .add_option("--shared-flush", settings->shared_flush,
                  "One device flush for all files: auto where that is proved (ext4, XFS), on, off.")
      .type_name("mode")
      .one_of({"auto", "on", "off"})
      .capture_default_str();
  add_fetch_options(serve, settings->server);
  const auto check_groups = add_group_options(serve, settings->groups);
  serve.add_option("--log-level", settings->log_level, "debug, info, warn or err.")
      .type_name("level")
      .one_of({"debug", "info", "warn", "err"})
      .capture_default_str();
  serve
      .add_option("--config", settings->config_file,
                  "A TOML file with these options by name; the command line wins.")
      .type_name("file")
      .configurable(false);
  add_broker_options(serve, *settings->broker);
  serve.callback([serve, settings, check_groups, &chosen] {
    if (!settings->config_file.empty()) apply_toml_file(serve, settings->config_file);
    adopt_broker_options(serve, *settings->broker);
    settings->http_chosen = serve.is_given("--http-listen");
    check_groups();
    chosen = [settings] { return run_serve(*settings); };
  });
}

}  // namespace penstock
