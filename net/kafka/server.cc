#include "net/kafka/server.h"

#include <fmt/format.h>

#include "net/kafka/connection.h"

namespace penstock::kafka {
namespace {

constexpr uint64_t kAcceptPauseNs = 50'000'000;  // out of descriptors: others must close first

// Nobody can connect to "any address".
NetworkAddress reachable(NetworkAddress address) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return address;
}

}  // namespace

Server::Server(Engine& engine, GroupCoordinator& groups, ServerOptions options)
    : engine_(engine), groups_(groups), options_(std::move(options)) {}

Server::~Server() { check(connections_.empty() && tasks_.live_count() == 0); }

Task<Result<void>> Server::start() {
  Doors& doors = engine_.doors();
  for (const NetworkAddress& address : options_.listen) {
    const Result<SocketAndPort> socket = co_await doors.network.listen(address);
    if (!socket.ok()) {
      doors.reporter.report(
          Severity::error,
          fmt::format("cannot listen on {}:{}: {}", address.host, address.port,
                      socket.error() == Error::already_exists ? "the address is in use"
                                                              : name_of(socket.error())));
      co_return socket.error();
    }
    listeners_.push_back({socket.value().socket, {address.host, socket.value().port}});
  }
  for (size_t i = 0; i < listeners_.size(); ++i) tasks_.spawn(accept_loop(i));
  co_return Result<void>();
}

Task<void> Server::accept_loop(size_t listener) {
  Doors& doors = engine_.doors();
  while (!stopping_) {
    const Result<SocketAndPort> accepted =
        co_await doors.network.accept(listeners_[listener].socket);
    if (accepted.ok()) {
      NetworkAddress advertised =
          options_.advertise.value_or(reachable(listeners_[listener].address));
      tasks_.spawn(serve(accepted.value().socket, std::move(advertised)));
      continue;
    }
    if (accepted.error() == Error::busy) co_await doors.clock.sleep_for(kAcceptPauseNs);
    if (accepted.error() == Error::closed && stopping_) break;
  }
}

Task<void> Server::serve(SocketId socket, NetworkAddress advertised) {
  Connection connection(*this, socket, std::move(advertised));
  connections_[socket.value] = &connection;
  ++figures_.connection_count;
  if (stopping_) engine_.doors().network.shut_down(socket);
  co_await connection.run();
  connections_.erase(socket.value);
  --figures_.connection_count;
  (void)co_await engine_.doors().network.close(socket);
}

Task<void> Server::stop() {
  stopping_ = true;
  engine_.begin_stop();  // fetches that are parked come back
  Network& network = engine_.doors().network;
  for (const Listener& listener : listeners_) network.shut_down(listener.socket);
  for (const auto& [socket, connection] : connections_) network.shut_down({socket});
  co_await tasks_.wait_empty();
  co_await engine_.doors().scheduler.yield();  // the last task is still on the stack
  for (const Listener& listener : listeners_) (void)co_await network.close(listener.socket);
  listeners_.clear();
}

}  // namespace penstock::kafka
