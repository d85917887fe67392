#include "tools/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
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

namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;  // 0: not an address

  explicit SocketAddress(const NetworkAddress& address) {
    if (auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        ::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(address.port);
      length = sizeof *v4;
    } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
               ::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(address.port);
      length = sizeof *v6;
    }
  }
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
};

// A socket bound there with one option set, or -1 and errno.
int bind_socket(SocketAddress& address, int option) {
  errno = EINVAL;
  if (address.length == 0) return -1;
  const int socket = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const int on = 1;
  (void)::setsockopt(socket, SOL_SOCKET, option, &on, sizeof on);
  if (::bind(socket, address.generic(), address.length) == 0) return socket;
  const int error = errno;
  ::close(socket);
  errno = error;
  return -1;
}

}  // namespace

bool is_taken(const NetworkAddress& address) {
  SocketAddress wanted(address);
  // Connections of an earlier server that linger there do not count.
  const int socket = bind_socket(wanted, SO_REUSEADDR);
  if (socket < 0) return errno == EADDRINUSE;
  ::close(socket);
  return false;
}

PortHolder::~PortHolder() {
  for (const int socket : sockets_) ::close(socket);
}

bool PortHolder::choose(NetworkAddress& address) {
  SocketAddress wanted(address);
  const int socket = bind_socket(wanted, SO_REUSEPORT);
  if (socket < 0) return false;
  sockets_.push_back(socket);
  if (::getsockname(socket, wanted.generic(), &wanted.length) != 0) return false;
  // The port stands in the same place of both.
  address.port = ntohs(reinterpret_cast<sockaddr_in*>(&wanted.storage)->sin_port);
  return true;
}

}  // namespace penstock
