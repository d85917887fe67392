#include "io/network.h"

#include <cerrno>

namespace penstock {

Error network_error_of(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Error::busy;
    case EADDRINUSE: return Error::already_exists;
    case EADDRNOTAVAIL:
    case EINVAL:
    case EAFNOSUPPORT: return Error::invalid_argument;
    case EACCES:
    case EPERM: return Error::unsupported;
    case ECANCELED:
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EBADF: return Error::closed;
    case ETIMEDOUT: return Error::timed_out;
    case ECONNREFUSED: return Error::not_found;
    default: return Error::io;
  }
}

void complete_network_request(NetworkRequest& request, int64_t result) {
  request.failed = result < 0;
  if (result < 0) {
    request.error = network_error_of(static_cast<int>(-result));
  } else {
    request.done_bytes = static_cast<uint64_t>(result);
  }
  request.on_complete(request);
}

void Network::count(const NetworkRequest& request, int64_t result) {
  if (result < 0) return;
  switch (request.operation) {
    case NetworkOperation::accept: ++figures_.accepted_count; break;
    case NetworkOperation::receive: figures_.received_bytes += static_cast<uint64_t>(result); break;
    case NetworkOperation::send: figures_.sent_bytes += static_cast<uint64_t>(result); break;
    default: break;
  }
}

Network::SocketWait Network::listen(const NetworkAddress& address) {
  return SocketWait(*this, {.operation = NetworkOperation::listen, .address = &address});
}

Network::SocketWait Network::accept(SocketId listener) {
  return SocketWait(*this, {.operation = NetworkOperation::accept, .socket = listener});
}

Network::SocketWait Network::connect(const NetworkAddress& address) {
  return SocketWait(*this, {.operation = NetworkOperation::connect, .address = &address});
}

Network::Wait Network::receive(SocketId socket, std::span<std::byte> bytes) {
  return Wait(*this, {.operation = NetworkOperation::receive,
                      .socket = socket,
                      .bytes = bytes.data(),
                      .length_bytes = bytes.size()});
}

Network::Wait Network::send(SocketId socket, std::span<const IoSlice> slices) {
  return Wait(*this, {.operation = NetworkOperation::send, .socket = socket, .slices = slices});
}

Network::Wait Network::close(SocketId socket) {
  return Wait(*this, {.operation = NetworkOperation::close, .socket = socket});
}

}  // namespace penstock
