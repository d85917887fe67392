// Socket set-up as plain system calls, shared by both network backends.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/network.h"

namespace penstock {

// An IPv4 or IPv6 address as the kernel takes it.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  socklen_t length_bytes() const { return any.sa_family == AF_INET6 ? sizeof v6 : sizeof v4; }
};

// False: not a numeric address.
bool parse_address(const NetworkAddress& address, SocketAddress& parsed);

// A listening descriptor, or -errno. `port` becomes the port bound. `type_flags`: SOCK_NONBLOCK or 0.
int open_listener(const NetworkAddress& address, int type_flags, uint16_t& port);

// An unconnected stream socket with our options, or -errno.
int open_stream(int family, int type_flags);

// "address:port", the address of IPv6 in brackets; empty when not connected.
std::string peer_name(int descriptor);

// The kernel's view of what is left of `slices` after `done_bytes`; `first` holds the rest of a partly sent slice.
std::span<const iovec> slices_after(std::span<const IoSlice> slices, uint64_t done_bytes,
                                    iovec& first);
uint64_t length_of(std::span<const IoSlice> slices);

}  // namespace penstock
