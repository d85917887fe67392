#include "io/threads/epoll_network.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "io/check.h"
#include "io/socket_calls.h"

namespace penstock {

EpollNetwork::~EpollNetwork() {
  sockets_.for_each_taken([](Socket& socket) {
    if (socket.descriptor >= 0) ::close(socket.descriptor);
  });
}

void EpollNetwork::submit(NetworkRequest& request) {
  request.failed = false;
  request.done_bytes = 0;
  switch (request.operation) {
    case NetworkOperation::listen: return complete_later(request, listen(request));
    case NetworkOperation::connect: return connect(request);
    case NetworkOperation::close: return close(request);
    case NetworkOperation::accept: break;
    case NetworkOperation::receive: pools_.pin(request.bytes, request.length_bytes); break;
    case NetworkOperation::send:
      for (const IoSlice& slice : request.slices) pools_.pin(slice.bytes, slice.length_bytes);
      break;
  }
  ++sockets_.at(request.socket.value).pending_count;
  attempt(request);
}

void EpollNetwork::complete_later(NetworkRequest& request, int64_t result) {
  request.network_private[0] = static_cast<uint64_t>(result);
  ready_.push(request);
}

uint64_t EpollNetwork::complete_ready() {
  uint64_t completed_count = 0;
  for (NetworkRequest* request = ready_.take_all(); request != nullptr; ++completed_count) {
    NetworkRequest* next = request->next;
    complete_network_request(*request, static_cast<int64_t>(request->network_private[0]));
    request = next;
  }
  return completed_count;
}

// Takes `descriptor` over, also when it fails.
int64_t EpollNetwork::add_socket(int descriptor, SocketId& added) {
  const uint32_t id = sockets_.reserve();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = id;
  int error_number = 0;
  if (id == SocketId::kNone) {
    error_number = EMFILE;
  } else if (::epoll_ctl(epoll_descriptor_, EPOLL_CTL_ADD, descriptor, &event) < 0) {
    error_number = errno;
    sockets_.release(id);
  }
  if (error_number != 0) {
    ::close(descriptor);
    return -error_number;
  }
  sockets_.at(id).descriptor = descriptor;
  added.value = id;
  return 0;
}

void EpollNetwork::drop_socket(SocketId socket) {
  ::close(sockets_.at(socket.value).descriptor);
  sockets_.release(socket.value);
}

// Tries `request`, and leaves it with its socket when it would block.
void EpollNetwork::attempt(NetworkRequest& request) {
  Socket& socket = sockets_.at(request.socket.value);
  const bool sends = request.operation == NetworkOperation::send;
  NetworkRequest*& waiting = sends ? socket.writing : socket.reading;
  waiting = nullptr;
  int64_t result = 0;
  switch (request.operation) {
    case NetworkOperation::accept: result = try_accept(request); break;
    case NetworkOperation::receive: result = try_receive(request); break;
    default: result = try_send(request);
  }
  if (result == -EAGAIN) {
    waiting = &request;
  } else {
    end(request, result);
  }
}

// A connection that died in the queue is no news. Out of descriptors, it stays in the queue: the caller's next accept
// tries again before it waits for the kernel.
int64_t EpollNetwork::try_accept(NetworkRequest& request) {
  const int listener = sockets_.at(request.socket.value).descriptor;
  if (sockets_.free_count() == 0) return -EMFILE;
  int descriptor = -1;
  do {
    descriptor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
  return descriptor < 0 ? -errno : descriptor;
}

int64_t EpollNetwork::try_receive(NetworkRequest& request) {
  const int descriptor = sockets_.at(request.socket.value).descriptor;
  ssize_t received = 0;
  do {
    received = ::recv(descriptor, request.bytes, request.length_bytes, 0);
  } while (received < 0 && errno == EINTR);
  return received < 0 ? -errno : received;
}

int64_t EpollNetwork::try_send(NetworkRequest& request) {
  const int descriptor = sockets_.at(request.socket.value).descriptor;
  const uint64_t length_bytes = length_of(request.slices);
  while (request.done_bytes < length_bytes) {
    iovec rest{};
    const auto slices = slices_after(request.slices, request.done_bytes, rest);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(slices.data());  // the kernel only reads them
    message.msg_iovlen = slices.size();
    const ssize_t sent = ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      request.done_bytes += static_cast<uint64_t>(sent);
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return static_cast<int64_t>(length_bytes);
}

void EpollNetwork::end(NetworkRequest& request, int64_t result) {
  Socket& socket = sockets_.at(request.socket.value);
  --socket.pending_count;
  count(request, result);
  if (result < 0 && socket.shut_down) result = -ECANCELED;
  if (request.operation == NetworkOperation::receive) {
    pools_.unpin(request.bytes, request.length_bytes);
  } else if (request.operation == NetworkOperation::send) {
    for (const IoSlice& slice : request.slices) pools_.unpin(slice.bytes, slice.length_bytes);
  } else if (result >= 0) {
    result = add_socket(static_cast<int>(result), request.socket);
  }
  complete_later(request, result);
}

int64_t EpollNetwork::listen(NetworkRequest& request) {
  const int descriptor = open_listener(*request.address, SOCK_NONBLOCK, request.port);
  return descriptor < 0 ? descriptor : add_socket(descriptor, request.socket);
}

void EpollNetwork::connect(NetworkRequest& request) {
  request.socket = SocketId{};
  SocketAddress address{};
  if (!parse_address(*request.address, address)) return complete_later(request, -EINVAL);
  const int descriptor = open_stream(address.any.sa_family, SOCK_NONBLOCK);
  if (descriptor < 0) return complete_later(request, descriptor);
  const bool connected = ::connect(descriptor, &address.any, address.length_bytes()) == 0;
  if (!connected && errno != EINPROGRESS) {
    const int error_number = errno;
    ::close(descriptor);
    return complete_later(request, -error_number);
  }
  // Watched only now: an unconnected socket would report itself as hung up.
  const int64_t added = add_socket(descriptor, request.socket);
  if (added < 0 || connected) return complete_later(request, added);
  sockets_.at(request.socket.value).writing = &request;
}

void EpollNetwork::end_connect(NetworkRequest& request) {
  Socket& socket = sockets_.at(request.socket.value);
  socket.writing = nullptr;
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &error_number, &length) < 0) {
    error_number = errno;
  }
  if (error_number != 0) {
    drop_socket(request.socket);
    request.socket = SocketId{};
  }
  complete_later(request, -error_number);
}

void EpollNetwork::close(NetworkRequest& request) {
  check(sockets_.at(request.socket.value).pending_count == 0);
  drop_socket(request.socket);
  complete_later(request, 0);
}

void EpollNetwork::on_event(uint32_t socket_id, uint32_t events) {
  constexpr uint32_t kBroken = EPOLLERR | EPOLLHUP;
  if (!sockets_.holds(socket_id)) return;
  Socket& socket = sockets_.at(socket_id);
  if ((events & (EPOLLIN | EPOLLRDHUP | kBroken)) != 0 && socket.reading != nullptr) {
    attempt(*socket.reading);
  }
  if ((events & (EPOLLOUT | kBroken)) == 0 || socket.writing == nullptr) return;
  if (socket.writing->operation == NetworkOperation::connect) {
    end_connect(*socket.writing);
  } else {
    attempt(*socket.writing);
  }
}

void EpollNetwork::shut_down(SocketId socket) {
  Socket& found = sockets_.at(socket.value);
  found.shut_down = true;
  ::shutdown(found.descriptor, SHUT_RDWR);  // ENOTCONN: the peer was faster
}

std::string EpollNetwork::peer_of(SocketId socket) const {
  return peer_name(sockets_.at(socket.value).descriptor);
}

}  // namespace penstock
