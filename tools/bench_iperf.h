// iperf3 as the measure of what the loopback carries: one stream, its server on the broker's core and its client on the
// load generator's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock {

class IperfReference {
 public:
  IperfReference(int server_core, int client_core)
      : server_core_(server_core), client_core_(client_core) {}

  // One second. Bytes per second that arrived; nothing after a failure, and `wrong` says which.
  std::optional<double> run(std::string& wrong) const;
  std::string command() const;

 private:
  int server_core_;
  int client_core_;
};

}  // namespace penstock
