#include "tools/bench_iperf.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tools/child_process.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

std::vector<std::string> client_arguments(uint16_t port, int core) {
  return {"iperf3",
          "-c",
          "127.0.0.1",
          "-p",
          fmt::format("{}", port),
          "-l",
          "1M",
          "-A",
          fmt::format("{}", core),
          "-t",
          "1",
          "-J"};
}

std::optional<double> received_rate(const std::string& output) {
  const nlohmann::json parsed = nlohmann::json::parse(output, nullptr, false);
  if (parsed.is_discarded()) return std::nullopt;
  const nlohmann::json rate = parsed.value(
      nlohmann::json::json_pointer("/end/sum_received/bits_per_second"), nlohmann::json());
  if (!rate.is_number()) return std::nullopt;
  constexpr double kBitsPerByte = 8;
  return rate.get<double>() / kBitsPerByte;
}

}  // namespace

std::string IperfReference::command() const {
  constexpr uint16_t kAny = 5201;
  return fmt::format("iperf3 -s -1 -A {}; {}", server_core_,
                     command_text(client_arguments(kAny, client_core_)));
}

std::optional<double> IperfReference::run(std::string& wrong) const {
  NetworkAddress address;
  address.host = "127.0.0.1";
  {
    PortHolder holder;
    if (!holder.choose(address)) {
      wrong = "no port is free for iperf3";
      return std::nullopt;
    }
  }
  const auto server =
      ChildProcess::start({"iperf3", "-s", "-1", "-p", fmt::format("{}", address.port), "-A",
                           fmt::format("{}", server_core_)});
  if (!server.ok()) {
    wrong = "iperf3 cannot be started: is it installed (apt install iperf3)?";
    return std::nullopt;
  }
  constexpr int kAttempts = 50;
  constexpr std::chrono::milliseconds kPause(20);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::this_thread::sleep_for(kPause);  // until it listens
    const auto client = ChildProcess::start(client_arguments(address.port, client_core_));
    if (!client.ok()) break;
    const std::optional<double> rate = received_rate(client.value()->read_all());
    if (client.value()->wait() == 0 && rate) return rate;
  }
  wrong = "iperf3 did not measure: " + command();
  return std::nullopt;
}

}  // namespace penstock
