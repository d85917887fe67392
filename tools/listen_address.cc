#include "tools/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>

namespace penstock {

std::optional<NetworkAddress> parse_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  NetworkAddress address;
  address.host = text.substr(0, colon);
  if (address.host.front() == '[') {
    if (address.host.back() != ']') return std::nullopt;
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, address.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return address;
}

std::string address_text(const NetworkAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address.host, v6 ? "]" : "", address.port);
}

PortHolder::~PortHolder() {
  for (const int socket : sockets_) ::close(socket);
}

bool PortHolder::choose(NetworkAddress& address) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      ::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    length = sizeof *v4;
  } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
             ::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    length = sizeof *v6;
  } else {
    return false;
  }
  const int socket = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  sockets_.push_back(socket);
  const int on = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  auto* const generic = reinterpret_cast<sockaddr*>(&storage);
  if (::bind(socket, generic, length) != 0) return false;
  if (::getsockname(socket, generic, &length) != 0) return false;
  // The port stands in the same place of both.
  address.port = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  return true;
}

}  // namespace penstock
