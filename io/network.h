// Stream sockets: the only door to a network. Same rules as Disk: one request object per operation, owned by the
// caller until it completes, completions on the same reactor and never inside submit().
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/figures.h"
#include "io/result.h"

namespace penstock {

struct SocketId {
  static constexpr uint32_t kNone = ~uint32_t{0};
  uint32_t value = kNone;
  bool valid() const { return value != kNone; }
  friend bool operator==(SocketId, SocketId) = default;
};

// Where to listen or connect: a numeric IPv4 or IPv6 address and a port.
struct NetworkAddress {
  std::string host;
  uint16_t port = 0;
};

enum class NetworkOperation : uint8_t { listen, accept, connect, receive, send, close };

struct IoSlice {
  const std::byte* bytes = nullptr;
  size_t length_bytes = 0;
};

struct NetworkRequest {
  using OnComplete = void (*)(NetworkRequest&);

  NetworkOperation operation = NetworkOperation::receive;
  SocketId socket;                          // in; out for listen, accept, connect
  const NetworkAddress* address = nullptr;  // listen, connect
  std::byte* bytes = nullptr;               // receive
  size_t length_bytes = 0;                  // receive
  std::span<const IoSlice> slices;          // send: all of them, in order

  OnComplete on_complete = nullptr;
  void* owner = nullptr;

  Error error{};
  bool failed = false;
  uint64_t done_bytes = 0;  // receive: 0 is the peer's orderly end
  uint16_t port = 0;        // listen: the port bound (the asked one, or the chosen one for 0)

  NetworkRequest* next = nullptr;    // the network's, while it holds the request
  uint64_t network_private[4] = {};  // the network's
};

class Network {
 public:
  virtual ~Network() = default;
  virtual void submit(NetworkRequest& request) = 0;

  // Makes every pending request on `socket` (receive, send, accept) complete soon, with Error::closed or, for a
  // receive, 0 bytes, and tells the peer. The socket still has to be closed. Callable twice.
  virtual void shut_down(SocketId socket) = 0;

  // "address:port" of the peer of an accepted or connected socket.
  virtual std::string peer_of(SocketId socket) const = 0;

  const NetworkFigures& figures() const { return figures_; }

  // Awaitables; arguments stay put until they are done. At most one receive and one send at a time per socket.
  class Wait;
  class SocketWait;
  SocketWait listen(
      const NetworkAddress& address);  // SO_REUSEPORT: every reactor may listen on the same address
  SocketWait accept(SocketId listener);
  SocketWait connect(const NetworkAddress& address);
  Wait receive(SocketId socket, std::span<std::byte> bytes);    // value: bytes received, 0 = end
  Wait send(SocketId socket, std::span<const IoSlice> slices);  // value: all bytes sent
  Wait close(SocketId socket);                                  // nothing else pending on it

 protected:
  // By the implementation, before it completes `request`.
  void count(const NetworkRequest& request, int64_t result);

 private:
  NetworkFigures figures_;
};

void complete_network_request(NetworkRequest& request, int64_t result);
Error network_error_of(int error_number);

class Network::Wait {
 public:
  Wait(Network& network, const NetworkRequest& what) : request(what), network_(&network) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    request.owner = this;
    request.on_complete = [](NetworkRequest& done) {
      static_cast<Wait*>(done.owner)->waiter_.resume();
    };
    network_->submit(request);
  }
  Result<uint64_t> await_resume() const {
    if (request.failed) return request.error;
    return request.done_bytes;
  }

  NetworkRequest request;

 private:
  Network* network_;
  std::coroutine_handle<> waiter_;
};

struct SocketAndPort {
  SocketId socket;
  uint16_t port = 0;
};

class Network::SocketWait : public Network::Wait {
 public:
  using Wait::Wait;
  Result<SocketAndPort> await_resume() const {
    if (request.failed) return request.error;
    return SocketAndPort{request.socket, request.port};
  }
};

}  // namespace penstock
