#include "io/socket_calls.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>

namespace penstock {
namespace {

constexpr int kBacklog = 1024;
// Enough for a loopback or datacentre path; a slow reader must not pile megabytes up in the kernel.
constexpr int kSendBufferBytes = 256 << 10;

static_assert(sizeof(IoSlice) == sizeof(iovec));
static_assert(offsetof(IoSlice, bytes) == offsetof(iovec, iov_base));
static_assert(offsetof(IoSlice, length_bytes) == offsetof(iovec, iov_len));

bool set_option(int descriptor, int level, int option, int value) {
  return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

int fail(int descriptor) {
  const int error_number = errno;
  ::close(descriptor);
  return -error_number;
}

}  // namespace

bool parse_address(const NetworkAddress& address, SocketAddress& parsed) {
  parsed = {};
  if (::inet_pton(AF_INET, address.host.c_str(), &parsed.v4.sin_addr) == 1) {
    parsed.v4.sin_family = AF_INET;
    parsed.v4.sin_port = htons(address.port);
    return true;
  }
  parsed = {};
  if (::inet_pton(AF_INET6, address.host.c_str(), &parsed.v6.sin6_addr) == 1) {
    parsed.v6.sin6_family = AF_INET6;
    parsed.v6.sin6_port = htons(address.port);
    return true;
  }
  return false;
}

int open_stream(int family, int type_flags) {
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  if (descriptor < 0) return -errno;
  const bool set = set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1) &&
                   set_option(descriptor, SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
  return set ? descriptor : fail(descriptor);
}

// Accepted sockets inherit the listener's options, TCP_NODELAY and SO_SNDBUF among them.
int open_listener(const NetworkAddress& address, int type_flags, uint16_t& port) {
  SocketAddress local{};
  if (!parse_address(address, local)) return -EINVAL;
  const int descriptor = open_stream(local.any.sa_family, type_flags);
  if (descriptor < 0) return descriptor;
  const bool set = set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) &&
                   set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  socklen_t length = local.length_bytes();
  if (!set || ::bind(descriptor, &local.any, length) < 0 || ::listen(descriptor, kBacklog) < 0 ||
      ::getsockname(descriptor, &local.any, &length) < 0) {
    return fail(descriptor);
  }
  port = ntohs(local.any.sa_family == AF_INET6 ? local.v6.sin6_port : local.v4.sin_port);
  return descriptor;
}

std::string peer_name(int descriptor) {
  SocketAddress peer{};
  socklen_t length = sizeof peer;
  if (::getpeername(descriptor, &peer.any, &length) < 0) return {};
  const bool v6 = peer.any.sa_family == AF_INET6;
  const void* address = v6 ? static_cast<const void*>(&peer.v6.sin6_addr) : &peer.v4.sin_addr;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(peer.any.sa_family, address, text.data(), text.size()) == nullptr) return {};
  std::string name = v6 ? "[" : "";
  name.append(text.data()).append(v6 ? "]:" : ":");
  return name.append(std::to_string(ntohs(v6 ? peer.v6.sin6_port : peer.v4.sin_port)));
}

std::span<const iovec> slices_after(std::span<const IoSlice> slices, uint64_t done_bytes,
                                    iovec& first) {
  size_t index = 0;
  while (index < slices.size() && done_bytes >= slices[index].length_bytes) {
    done_bytes -= slices[index].length_bytes;
    ++index;
  }
  const std::span<const IoSlice> rest =
      slices.subspan(index, std::min<size_t>(slices.size() - index, IOV_MAX));
  if (done_bytes == 0) return {reinterpret_cast<const iovec*>(rest.data()), rest.size()};
  first = {const_cast<std::byte*>(rest[0].bytes) + done_bytes, rest[0].length_bytes - done_bytes};
  return {&first, 1};
}

uint64_t length_of(std::span<const IoSlice> slices) {
  uint64_t length_bytes = 0;
  for (const IoSlice& slice : slices) length_bytes += slice.length_bytes;
  return length_bytes;
}

}  // namespace penstock
