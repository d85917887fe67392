#include "net/kafka/server.h"

#include <fmt/format.h>

#include "net/kafka/broker_config.h"
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
    : engine_(engine),
      groups_(groups),
      options_(std::move(options)),
      fetch_sessions_(engine, options_.fetch_sessions) {
  if (!options_.connection_count) options_.connection_count = std::make_shared<ConnectionCount>();
  if (!options_.broker_config) options_.broker_config = std::make_shared<BrokerConfig>();
}

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

// Costs a message to reactor 0, so it is done only where there is a limit.
Task<bool> Server::has_room() {
  ConnectionCount* const count = options_.connection_count.get();
  const int32_t count_max = options_.connections_max;
  if (count_max == INT32_MAX) co_return true;
  co_return co_await call_on(engine_.doors().scheduler, 0,
                             [count, count_max] { return count->enter(count_max); });
}

Task<void> Server::give_room() {
  ConnectionCount* const count = options_.connection_count.get();
  if (options_.connections_max == INT32_MAX) co_return;
  co_await call_on(engine_.doors().scheduler, 0, [count] { return count->leave(); });
}

Task<void> Server::serve(SocketId socket, NetworkAddress advertised) {
  const bool room = co_await has_room();
  Connection connection(*this, socket, std::move(advertised));
  connections_[socket.value] = &connection;
  ++figures_.connection_count;
  if (stopping_ || !room) engine_.doors().network.shut_down(socket);
  co_await connection.run();
  connections_.erase(socket.value);
  --figures_.connection_count;
  co_await give_room();
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
  co_await fetch_sessions_.close();
  for (const Listener& listener : listeners_) (void)co_await network.close(listener.socket);
  listeners_.clear();
}

}  // namespace penstock::kafka
