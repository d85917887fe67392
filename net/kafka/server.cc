#include "net/kafka/server.h"

#include <fmt/format.h>

#include <algorithm>

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

Server::Server(Engine& engine, GroupCoordinator& groups, ConnectionCensus& census,
               QuotaMeters& quota_meters, ServerOptions options)
    : engine_(engine),
      groups_(groups),
      options_(std::move(options)),
      fetch_sessions_(engine, options_.fetch_sessions),
      census_(census),
      quota_meters_(quota_meters),
      request_memory_(options_.queued_bytes_max < 0
                          ? engine.doors().buffers.size_bytes() / 2
                          : static_cast<uint64_t>(options_.queued_bytes_max)) {
  if (!options_.broker_config) options_.broker_config = std::make_shared<BrokerConfig>();
  sweep_timer_.owner = this;
  sweep_timer_.fire = [](Timer& timer) { static_cast<Server*>(timer.owner)->sweep(); };
}

Server::~Server() { check(connections_.empty() && tasks_.live_count() == 0); }

uint64_t Server::answer_bytes_max() const {
  const uint64_t budget = engine_.doors().buffers.size_bytes() / 4;
  const auto unsent = static_cast<uint64_t>(unsent_bytes_);
  return unsent < budget ? budget - unsent : 0;
}

uint64_t Server::unsent_bytes_max() const {
  const uint64_t plenty = engine_.doors().buffers.size_bytes() / 8;
  return unsent_bytes() < plenty ? options_.unsent_bytes_max : 0;
}

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
  arm_sweep();
  co_return Result<void>();
}

Task<void> Server::accept_loop(size_t listener) {
  Doors& doors = engine_.doors();
  while (!stopping_) {
    const Result<SocketAndPort> accepted =
        co_await doors.network.accept(listeners_[listener].socket);
    if (accepted.ok()) {
      std::string ip;
      if (census_.counts()) {
        const std::string peer = doors.network.peer_of(accepted.value().socket);
        ip = peer.substr(0, peer.rfind(':'));
        const bool entered = co_await enter(accepted.value().socket, ip);
        if (!entered) continue;
      }
      NetworkAddress advertised =
          options_.advertise.value_or(reachable(listeners_[listener].address));
      tasks_.spawn(serve(accepted.value().socket, std::move(advertised), std::move(ip)));
      continue;
    }
    if (accepted.error() == Error::busy) co_await doors.clock.sleep_for(kAcceptPauseNs);
    if (accepted.error() == Error::closed && stopping_) break;
  }
}

std::optional<uint64_t> Server::idle_ns_max() const {
  const int64_t idle_ms = options_.connections_idle_ms_max;
  if (idle_ms < 0) return std::nullopt;
  return static_cast<uint64_t>(idle_ms) * 1'000'000;
}

// As often as the shorter of its limits makes sense.
void Server::arm_sweep() {
  constexpr uint64_t kIntervalNsMax = 1'000'000'000;
  constexpr uint64_t kIntervalNsMin = 10'000'000;
  const uint64_t idle_ns = idle_ns_max().value_or(kIntervalNsMax * 4);
  const uint64_t interval_ns =
      std::clamp(std::min(idle_ns, options_.send_patience_ns) / 4, kIntervalNsMin, kIntervalNsMax);
  Clock& clock = engine_.doors().clock;
  clock.arm(sweep_timer_, clock.monotonic_ns() + interval_ns);
}

// Ends the connections that ask nothing any more, and those that do not take what they asked for.
void Server::sweep() {
  const uint64_t now_ns = engine_.doors().clock.monotonic_ns();
  const std::optional<uint64_t> idle_ns = idle_ns_max();
  std::vector<Connection*> ending;
  for (const auto& [socket, connection] : connections_) {
    const bool idle = idle_ns && now_ns > *idle_ns && connection->idle(now_ns - *idle_ns);
    if (idle) ++figures_.connection_idle_count;
    const bool slow = connection->reads_too_slowly(now_ns);
    if (slow) ++figures_.connection_slow_count;
    if (idle || slow) ending.push_back(connection);
  }
  for (Connection* connection : ending) connection->end();
  arm_sweep();
}

// False: it is not let in.
Task<bool> Server::enter(SocketId socket, const std::string& ip) {
  Doors& doors = engine_.doors();
  while (!stopping_) {
    const ConnectionCensus::Entry entry = co_await census_.enter(doors.scheduler, ip);
    if (entry == ConnectionCensus::Entry::admitted) co_return true;
    if (entry == ConnectionCensus::Entry::too_many_from_there) break;
    co_await doors.clock.sleep_for(kAcceptPauseNs);
  }
  ++figures_.connection_refused_count;
  (void)co_await doors.network.close(socket);
  co_return false;
}

Task<void> Server::serve(SocketId socket, NetworkAddress advertised, std::string ip) {
  Connection connection(*this, socket, std::move(advertised));
  connections_[socket.value] = &connection;
  ++figures_.connection_count;
  if (stopping_) connection.end();
  co_await connection.run();
  connections_.erase(socket.value);
  --figures_.connection_count;
  (void)co_await engine_.doors().network.close(socket);
  if (census_.counts()) co_await census_.leave(engine_.doors().scheduler, ip);
}

Task<void> Server::stop() {
  stopping_ = true;
  engine_.begin_stop();  // fetches that are parked come back
  Network& network = engine_.doors().network;
  for (const Listener& listener : listeners_) network.shut_down(listener.socket);
  engine_.doors().clock.cancel(sweep_timer_);
  std::vector<Connection*> ending;
  for (const auto& [socket, connection] : connections_) ending.push_back(connection);
  for (Connection* connection : ending) connection->end();  // each is there until a later turn
  co_await tasks_.wait_empty();
  co_await engine_.doors().scheduler.yield();  // the last task is still on the stack
  co_await fetch_sessions_.close();
  for (const Listener& listener : listeners_) (void)co_await network.close(listener.socket);
  listeners_.clear();
}

}  // namespace penstock::kafka
