// Addresses as people write them, and ports that all reactors can share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/network.h"

namespace penstock {

// "127.0.0.1:9092" or "[::1]:9092".
std::optional<NetworkAddress> parse_address(const std::string& text);

// As parse_address() takes it back.
std::string address_text(const NetworkAddress& address);

// Whether somebody listens there already. Reactors share their ports (SO_REUSEPORT): without asking first two servers
// would too, and each get some of the other's clients.
bool is_taken(const NetworkAddress& address);

// Gives a listener of port 0 a port that all reactors can share, and holds it until they do.
class PortHolder {
 public:
  PortHolder() = default;
  PortHolder(const PortHolder&) = delete;
  ~PortHolder();

  // Sets `address.port`. False: it is no address of this machine, or no port is free.
  bool choose(NetworkAddress& address);

 private:
  std::vector<int> sockets_;
};

}  // namespace penstock
