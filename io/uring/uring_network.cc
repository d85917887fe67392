#include "io/uring/uring_network.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/check.h"
#include "io/socket_calls.h"

namespace penstock {
namespace {

constexpr size_t kReceiveBytesMax = 1 << 30;

// What a request's network_private holds while it is here: the address of a connect fills all of it; an accept keeps
// the id reserved for its socket in the first, a request that was answered at once its result.
static_assert(sizeof(SocketAddress) <= sizeof(NetworkRequest::network_private));

SocketAddress& address_of(NetworkRequest& request) {
  return *reinterpret_cast<SocketAddress*>(request.network_private);
}

}  // namespace

UringNetwork::~UringNetwork() {
  sockets_.for_each_taken([](Socket& socket) {
    if (socket.descriptor >= 0) ::close(socket.descriptor);
  });
}

void UringNetwork::submit(NetworkRequest& request) {
  request.failed = false;
  request.done_bytes = 0;
  switch (request.operation) {
    case NetworkOperation::listen: listen(request); return;
    case NetworkOperation::accept: begin_accept(request); return;
    case NetworkOperation::connect: begin_connect(request); return;
    case NetworkOperation::receive: pools_.pin(request.bytes, request.length_bytes); break;
    case NetworkOperation::send:
      for (const IoSlice& slice : request.slices) pools_.pin(slice.bytes, slice.length_bytes);
      break;
    case NetworkOperation::close:
      check(sockets_.at(request.socket.value).pending_count == 0);
      break;
  }
  ++sockets_.at(request.socket.value).pending_count;
  start(request);
}

void UringNetwork::complete_later(NetworkRequest& request, int result) {
  request.network_private[0] = static_cast<uint64_t>(static_cast<int64_t>(result));
  ready_.push(request);
}

void UringNetwork::listen(NetworkRequest& request) {
  const uint32_t id = sockets_.reserve();
  if (id == SocketId::kNone) return complete_later(request, -EMFILE);
  const int descriptor = open_listener(*request.address, 0, request.port);
  if (descriptor < 0) {
    sockets_.release(id);
    return complete_later(request, descriptor);
  }
  sockets_.at(id).descriptor = descriptor;
  request.socket.value = id;
  complete_later(request, 0);
}

void UringNetwork::begin_accept(NetworkRequest& request) {
  Socket& listener = sockets_.at(request.socket.value);
  const uint32_t id = sockets_.reserve();
  if (id == SocketId::kNone) return complete_later(request, -EMFILE);
  ++listener.pending_count;
  request.network_private[0] = id;
  start(request);
}

void UringNetwork::begin_connect(NetworkRequest& request) {
  SocketAddress& address = address_of(request);
  request.socket = SocketId{};
  if (!parse_address(*request.address, address)) return complete_later(request, -EINVAL);
  const uint32_t id = sockets_.reserve();
  if (id == SocketId::kNone) return complete_later(request, -EMFILE);
  const int descriptor = open_stream(address.any.sa_family, 0);
  if (descriptor < 0) {
    sockets_.release(id);
    return complete_later(request, descriptor);
  }
  sockets_.at(id).descriptor = descriptor;
  request.socket.value = id;
  start(request);
}

void UringNetwork::start(NetworkRequest& request) {
  if (!waiting_.empty() || !prepare(request)) waiting_.push(request);
}

void UringNetwork::start_waiting() {
  while (!waiting_.empty() && prepare(waiting_.front())) {
    waiting_.pop();
  }
}

bool UringNetwork::prepare(NetworkRequest& request) {
  io_uring_sqe* entry = ring_.take_entry();
  if (entry == nullptr) return false;
  fill(entry, request);
  Ring::mark(entry, CompletionOf::network, &request);
  return true;
}

void UringNetwork::fill(io_uring_sqe* entry, NetworkRequest& request) {
  const int descriptor = sockets_.at(request.socket.value).descriptor;
  switch (request.operation) {
    case NetworkOperation::accept:
      ::io_uring_prep_accept(entry, descriptor, nullptr, nullptr, SOCK_CLOEXEC);
      break;
    case NetworkOperation::connect: {
      SocketAddress& address = address_of(request);
      ::io_uring_prep_connect(entry, descriptor, &address.any, address.length_bytes());
      break;
    }
    case NetworkOperation::receive:
      ::io_uring_prep_recv(entry, descriptor, request.bytes,
                           std::min(request.length_bytes, kReceiveBytesMax), 0);
      break;
    case NetworkOperation::send: fill_send(entry, request); break;
    case NetworkOperation::close: ::io_uring_prep_close(entry, descriptor); break;
    case NetworkOperation::listen: check(false);
  }
}

// MSG_WAITALL: a kernel that knows it for sends (5.19) goes on by itself when there is room again.
void UringNetwork::fill_send(io_uring_sqe* entry, NetworkRequest& request) {
  Socket& socket = sockets_.at(request.socket.value);
  const auto slices = slices_after(request.slices, request.done_bytes, socket.rest);
  if (slices.size() == 1 && slices[0].iov_len <= kReceiveBytesMax) {
    ::io_uring_prep_send(entry, socket.descriptor, slices[0].iov_base, slices[0].iov_len,
                         MSG_NOSIGNAL | MSG_WAITALL);
    return;
  }
  socket.message = {};
  socket.message.msg_iov = const_cast<iovec*>(slices.data());  // the kernel only reads them
  socket.message.msg_iovlen = slices.size();
  ::io_uring_prep_sendmsg(entry, socket.descriptor, &socket.message, MSG_NOSIGNAL | MSG_WAITALL);
}

uint64_t UringNetwork::complete_ready() {
  uint64_t completed_count = 0;
  NetworkRequest* request = ready_.take_all();
  while (request != nullptr) {
    NetworkRequest* next = request->next;
    complete_network_request(*request, static_cast<int64_t>(request->network_private[0]));
    ++completed_count;
    request = next;
  }
  return completed_count;
}

void UringNetwork::complete(NetworkRequest& request, int32_t result) {
  if (resume(request, result)) {
    start(request);
  } else {
    end(request, result);
  }
}

// True: the request is not done yet and goes to the ring again. A socket answers EINTR or EAGAIN only when something
// has happened to the request, so this cannot go round for ever; a connection that died in the queue is no news.
bool UringNetwork::resume(NetworkRequest& request, int32_t result) {
  switch (request.operation) {
    case NetworkOperation::accept:
      return result == -ECONNABORTED || result == -EINTR || result == -EAGAIN;
    case NetworkOperation::receive: return result == -EINTR || result == -EAGAIN;
    case NetworkOperation::send:
      if (result == -EINTR || result == -EAGAIN) return true;
      if (result <= 0) return false;
      request.done_bytes += static_cast<uint64_t>(result);
      return request.done_bytes < length_of(request.slices);
    default: return false;
  }
}

void UringNetwork::end(NetworkRequest& request, int64_t result) {
  switch (request.operation) {
    case NetworkOperation::accept: end_accept(request, result); break;
    case NetworkOperation::connect: end_connect(request, result); break;
    case NetworkOperation::close:
      sockets_.release(request.socket.value);
      complete_network_request(request, result);
      break;
    default: end_transfer(request, result);
  }
}

void UringNetwork::end_accept(NetworkRequest& request, int64_t result) {
  Socket& listener = sockets_.at(request.socket.value);
  --listener.pending_count;
  const auto id = static_cast<uint32_t>(request.network_private[0]);
  if (result < 0) {
    sockets_.release(id);
    complete_network_request(request, listener.shut_down ? -ECANCELED : result);
    return;
  }
  sockets_.at(id).descriptor = static_cast<int>(result);
  request.socket.value = id;
  count(request, 0);
  complete_network_request(request, 0);
}

void UringNetwork::end_connect(NetworkRequest& request, int64_t result) {
  if (result < 0) {
    ::close(sockets_.at(request.socket.value).descriptor);
    sockets_.release(request.socket.value);
    request.socket = SocketId{};
  }
  complete_network_request(request, result);
}

void UringNetwork::end_transfer(NetworkRequest& request, int64_t result) {
  Socket& socket = sockets_.at(request.socket.value);
  --socket.pending_count;
  if (request.operation == NetworkOperation::receive) {
    pools_.unpin(request.bytes, request.length_bytes);
  } else {
    for (const IoSlice& slice : request.slices) pools_.unpin(slice.bytes, slice.length_bytes);
    if (result > 0) result = static_cast<int64_t>(request.done_bytes);
  }
  count(request, result);
  if (result < 0 && socket.shut_down) result = -ECANCELED;
  complete_network_request(request, result);
}

void UringNetwork::shut_down(SocketId socket) {
  Socket& found = sockets_.at(socket.value);
  found.shut_down = true;
  ::shutdown(found.descriptor, SHUT_RDWR);  // ENOTCONN: the peer was faster
}

std::string UringNetwork::peer_of(SocketId socket) const {
  return peer_name(sockets_.at(socket.value).descriptor);
}

}  // namespace penstock
