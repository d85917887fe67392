#include "tests/sim/sim_network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/check.h"
#include "tests/sim/sim_memory.h"

namespace penstock::sim {
namespace {

constexpr std::byte kPoison{0xdb};
constexpr uint64_t kBlockedRetryNs = 10'000'000;

uint64_t total_bytes(const NetworkRequest& request) {
  uint64_t total = 0;
  for (const IoSlice& slice : request.slices) total += slice.length_bytes;
  return total;
}

// [from, from + count) of all slices as one.
std::vector<std::byte> copy_out(const NetworkRequest& request, uint64_t from, uint64_t count) {
  std::vector<std::byte> bytes;
  for (const IoSlice& slice : request.slices) {
    if (from >= slice.length_bytes) {
      from -= slice.length_bytes;
      continue;
    }
    const uint64_t part = std::min<uint64_t>(slice.length_bytes - from, count - bytes.size());
    bytes.insert(bytes.end(), slice.bytes + from, slice.bytes + from + part);
    from = 0;
    if (bytes.size() == count) break;
  }
  return bytes;
}

uint64_t hash_of_slices(const NetworkRequest& request) {
  uint64_t hash = 0;
  for (const IoSlice& slice : request.slices) {
    hash = SimRandom::mix(hash ^ hash_of(std::span(slice.bytes, slice.length_bytes)));
  }
  return hash;
}

bool any_host(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

bool own_host(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

}  // namespace

class SimNetwork::Door final : public Network {
 public:
  Door(SimNetwork& network, SimPlace& place) : network_(network), place_(place) {}
  void submit(NetworkRequest& request) override { network_.submit(*this, request); }
  void shut_down(SocketId socket) override { network_.shut_down(*this, socket); }
  std::string peer_of(SocketId socket) const override {
    const Socket* found = network_.find(socket.value);
    return found == nullptr ? std::string() : found->peer_name;
  }
  SimPlace& place() const { return place_; }

 private:
  SimNetwork& network_;
  SimPlace& place_;
};

SimNetwork::SimNetwork(SimLoop& loop, SimRandom random, Options options)
    : loop_(loop),
      options_(options),
      delays_(random.fork("delays")),
      pieces_(random.fork("pieces")),
      faults_(random.fork("faults")) {}

SimNetwork::~SimNetwork() = default;

std::unique_ptr<Network> SimNetwork::make_door(SimPlace& place) {
  return std::make_unique<Door>(*this, place);
}

std::string SimNetwork::host_of(uint32_t node) { return "10.0.0." + std::to_string(node + 1); }

int64_t SimNetwork::node_of(const std::string& host, uint32_t from) const {
  if (own_host(host) || any_host(host)) return from;
  constexpr std::string_view kPrefix = "10.0.0.";
  if (!host.starts_with(kPrefix)) return -ENETUNREACH;
  int64_t number = 0;
  for (const char digit : host.substr(kPrefix.size())) {
    if (digit < '0' || digit > '9' || number > 255) return -ENETUNREACH;
    number = number * 10 + (digit - '0');
  }
  return number == 0 ? -ENETUNREACH : number - 1;
}

SimNetwork::Socket* SimNetwork::find(uint32_t id) {
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : &found->second;
}

SimNetwork::Socket& SimNetwork::own(Door& door, SocketId id) {
  Socket* found = find(id.value);
  loop_.require(found != nullptr && !found->closing, "a socket was used that is not open");
  loop_.require(found->place == &door.place(), "a socket was used on another reactor than its own");
  return *found;
}

size_t SimNetwork::socket_count(uint32_t node) const {
  return static_cast<size_t>(
      std::count_if(sockets_.begin(), sockets_.end(),
                    [node](const auto& each) { return each.second.place->node == node; }));
}

uint64_t SimNetwork::draw_delay_ns() {
  // Mostly near the least, now and then near the most.
  const uint64_t span_ns = options_.delay_ns_max - options_.delay_ns_min + 1;
  return options_.delay_ns_min + delays_.skewed(span_ns) - 1;
}

void SimNetwork::at(SimPlace* place, uint64_t delay_ns, void (SimNetwork::*step)(uint32_t),
                    uint32_t id) {
  loop_.schedule(place, delay_ns, [this, step, id] { (this->*step)(id); });
}

// The bytes of a receive or the slices of a send; other requests have none.
void SimNetwork::pin(const SimPlace& place, const NetworkRequest& request, bool pinned) const {
  const auto each = [&](std::span<const std::byte> bytes) {
    pinned ? place.memory->pin(bytes) : place.memory->unpin(bytes);
  };
  each({request.bytes, request.length_bytes});
  for (const IoSlice& slice : request.slices) each({slice.bytes, slice.length_bytes});
}

// In an event of the requester's own place.
void SimNetwork::complete(NetworkRequest& request, int64_t result) {
  pin(*loop_.running(), request, false);
  uint64_t data = 0;
  if (request.operation == NetworkOperation::receive && result > 0) {
    data = hash_of(std::span(request.bytes, static_cast<size_t>(result)));
  }
  loop_.fold("network", {static_cast<uint64_t>(request.operation), request.socket.value,
                         static_cast<uint64_t>(result), data});
  complete_network_request(request, result);
}

void SimNetwork::submit(Door& door, NetworkRequest& request) {
  if (!door.place().alive) return;  // what a dead process still asks for never happens
  loop_.require_at(door.place());
  pin(door.place(), request, true);
  switch (request.operation) {
    case NetworkOperation::listen: listen(door, request); return;
    case NetworkOperation::connect: connect(door, request); return;
    case NetworkOperation::accept: {
      Socket& socket = own(door, request.socket);
      loop_.require(socket.listener, "an accept on a socket that does not listen");
      socket.accepts.push_back(&request);
      at(&door.place(), 0, &SimNetwork::accept_step, request.socket.value);
      return;
    }
    case NetworkOperation::receive: {
      Socket& socket = own(door, request.socket);
      loop_.require(socket.receive == nullptr, "two receives are pending on one socket");
      std::memset(request.bytes, static_cast<int>(kPoison), request.length_bytes);
      socket.receive = &request;
      at(&door.place(), draw_delay_ns() / 8, &SimNetwork::receive_step, request.socket.value);
      return;
    }
    case NetworkOperation::send: {
      Socket& socket = own(door, request.socket);
      loop_.require(socket.send == nullptr, "two sends are pending on one socket");
      socket.send = &request;
      socket.sent_bytes = 0;
      socket.send_hash = hash_of_slices(request);
      at(&door.place(), draw_delay_ns() / 8, &SimNetwork::send_step, request.socket.value);
      return;
    }
    case NetworkOperation::close: {
      Socket& socket = own(door, request.socket);
      loop_.require(socket.receive == nullptr && socket.send == nullptr && socket.accepts.empty(),
                    "a socket was closed with requests pending on it");
      socket.closing = true;
      NetworkRequest* closing = &request;
      loop_.schedule(&door.place(), draw_delay_ns() / 8, [this, closing] {
        close_socket(closing->socket.value);
        complete(*closing, 0);
      });
      return;
    }
  }
}

// Listening and connecting.

void SimNetwork::listen(Door& door, NetworkRequest& request) {
  SimPlace* place = &door.place();
  NetworkRequest* listening = &request;
  loop_.schedule(place, 0, [this, place, listening] {
    const int64_t node = node_of(listening->address->host, place->node);
    if (node != place->node) {
      complete(*listening, -EADDRNOTAVAIL);
      return;
    }
    const uint32_t id = next_id_++;
    Socket& socket = sockets_[id];
    socket.place = place;
    socket.listener = true;
    socket.host = listening->address->host;
    socket.port = listening->address->port != 0 ? listening->address->port : next_port_++;
    listening->socket = SocketId{id};
    listening->port = socket.port;
    complete(*listening, 0);
  });
}

SimNetwork::Socket* SimNetwork::pick_listener(uint32_t node, const NetworkAddress& address,
                                              uint32_t from) {
  std::vector<Socket*> candidates;
  for (auto& [id, socket] : sockets_) {
    if (!socket.listener || socket.shut || socket.closing) continue;
    if (socket.place->node != node || socket.port != address.port) continue;
    const bool local_only = own_host(socket.host);
    if (local_only && (from != node || !own_host(address.host))) continue;
    if (!local_only && !any_host(socket.host) && own_host(address.host)) continue;
    if (socket.backlog.size() < options_.backlog_max) candidates.push_back(&socket);
  }
  if (candidates.empty()) return nullptr;
  return candidates[pieces_.below(candidates.size())];
}

void SimNetwork::connect(Door& door, NetworkRequest& request) {
  SimPlace* place = &door.place();
  NetworkRequest* connecting = &request;
  loop_.schedule(place, draw_delay_ns(), [this, place, connecting] {
    const int64_t result = try_connect(*place, *connecting);
    if (result != -ETIMEDOUT) {
      complete(*connecting, result);
      return;
    }
    loop_.schedule(place, options_.connect_timeout_ns,
                   [this, connecting] { complete(*connecting, -ETIMEDOUT); });
  });
}

int64_t SimNetwork::try_connect(SimPlace& place, NetworkRequest& request) {
  const int64_t found = node_of(request.address->host, place.node);
  if (found < 0) return found;
  const auto node = static_cast<uint32_t>(found);
  if (!reaches(place.node, node) || !reaches(node, place.node)) return -ETIMEDOUT;
  if (faults_.chance(options_.refuse_ratio)) return -ECONNREFUSED;
  Socket* listener = pick_listener(node, *request.address, place.node);
  if (listener == nullptr) return -ECONNREFUSED;

  const uint32_t near_id = next_id_++;
  const uint32_t far_id = next_id_++;
  Socket& near = sockets_[near_id];
  near.place = &place;
  near.peer = far_id;
  near.peer_node = node;
  near.peer_name = request.address->host + ":" + std::to_string(request.address->port);
  Socket& far = sockets_[far_id];
  far.place = listener->place;
  far.peer = near_id;
  far.peer_node = place.node;
  far.peer_name = host_of(place.node) + ":" + std::to_string(40000 + near_id % 20000);
  request.socket = SocketId{near_id};

  listener->backlog.push_back(far_id);
  for (const auto& [id, socket] : sockets_) {
    if (&socket == listener) at(socket.place, draw_delay_ns(), &SimNetwork::accept_step, id);
  }
  return 0;
}

void SimNetwork::accept_step(uint32_t id) {
  Socket* listener = find(id);
  if (listener == nullptr || listener->accepts.empty() || listener->backlog.empty()) return;
  NetworkRequest& request = *listener->accepts.front();
  listener->accepts.pop_front();
  request.socket = SocketId{listener->backlog.front()};
  listener->backlog.pop_front();
  complete(request, 0);
}

// Streams.

// Sends `piece` towards socket `to`, behind what travels there already, or `ahead` of it all, dropping that.
void SimNetwork::push(uint32_t to, Piece piece, bool ahead) {
  Socket* target = find(to);
  if (target == nullptr) return;
  if (ahead) {
    target->travelling.clear();
    target->travelling_bytes = 0;
  }
  target->travelling_bytes += piece.bytes.size();
  target->travelling.push_back(std::move(piece));
  at(target->place, draw_delay_ns(), &SimNetwork::arrive_step, to);
}

void SimNetwork::arrive_step(uint32_t id) {
  Socket* socket = find(id);
  if (socket == nullptr || socket->travelling.empty()) return;
  if (!reaches(socket->peer_node, socket->place->node)) {
    at(socket->place, kBlockedRetryNs, &SimNetwork::arrive_step, id);
    return;
  }
  if (socket->travelling.front().kind == PieceKind::data && faults_.chance(options_.cut_ratio)) {
    break_connection(id);
    return;
  }
  const Piece piece = std::move(socket->travelling.front());
  socket->travelling.pop_front();
  socket->travelling_bytes -= piece.bytes.size();
  switch (piece.kind) {
    case PieceKind::data:
      if (!socket->shut && !socket->closing) {
        socket->received.insert(socket->received.end(), piece.bytes.begin(), piece.bytes.end());
      } else if (socket->peer != SocketId::kNone) {
        push(socket->peer, {.kind = PieceKind::reset, .bytes = {}}, true);
      }
      break;
    case PieceKind::end: socket->ended = true; break;
    case PieceKind::reset:
      loop_.count("connection reset");
      socket->reset = true;
      if (pieces_.chance(0.5)) socket->received.clear();
      break;
  }
  receive_step(id);
  send_step(id);
}

void SimNetwork::receive_step(uint32_t id) {
  Socket* socket = find(id);
  if (socket == nullptr || socket->receive == nullptr) return;
  NetworkRequest& request = *socket->receive;
  if (!socket->shut && !socket->received.empty()) {
    const uint64_t most = std::min<uint64_t>(request.length_bytes, socket->received.size());
    uint64_t count = most;
    if (!options_.whole_pieces && pieces_.chance(0.25)) count = pieces_.skewed(most);
    const auto end = socket->received.begin() + static_cast<ptrdiff_t>(count);
    std::copy(socket->received.begin(), end, request.bytes);
    socket->received.erase(socket->received.begin(), end);
    const Socket* sender = find(socket->peer);
    if (sender != nullptr && sender->send != nullptr) {
      at(sender->place, draw_delay_ns(), &SimNetwork::send_step, socket->peer);  // room again
    }
    socket->receive = nullptr;
    complete(request, static_cast<int64_t>(count));
    return;
  }
  if (!socket->shut && !socket->reset && !socket->ended) return;
  socket->receive = nullptr;
  complete(request, socket->shut || !socket->reset ? 0 : -ECONNRESET);
}

void SimNetwork::send_step(uint32_t id) {
  Socket* socket = find(id);
  if (socket == nullptr || socket->send == nullptr) return;
  NetworkRequest& request = *socket->send;
  if (socket->shut || socket->reset) {
    socket->send = nullptr;
    complete(request, socket->reset ? -ECONNRESET : -EPIPE);
    return;
  }
  const uint64_t total = total_bytes(request);
  Socket* peer = find(socket->peer);
  if (peer == nullptr) {
    // The kernel takes the bytes; the far side's reset comes back only now.
    socket->sent_bytes = total;
    push(id, {.kind = PieceKind::reset, .bytes = {}}, false);
  } else {
    const uint64_t held = peer->travelling_bytes + peer->received.size();
    const uint64_t room = held >= options_.buffer_bytes ? 0 : options_.buffer_bytes - held;
    uint64_t count = std::min(room, total - socket->sent_bytes);
    if (count == 0 && socket->sent_bytes < total) return;  // receive_step calls again
    if (count > 1 && !options_.whole_pieces) count = pieces_.skewed(count);
    if (count > 0) {
      push(socket->peer, {.bytes = copy_out(request, socket->sent_bytes, count)}, false);
    }
    socket->sent_bytes += count;
  }
  if (socket->sent_bytes < total) {
    at(socket->place, options_.delay_ns_min / 8, &SimNetwork::send_step, id);
    return;
  }
  loop_.require(hash_of_slices(request) == socket->send_hash,
                "the bytes of a send changed while it was in flight");
  socket->send = nullptr;
  complete(request, static_cast<int64_t>(total));
}

// Endings.

void SimNetwork::shut_down(Door& door, SocketId id) {
  if (!door.place().alive) return;
  loop_.require_at(door.place());
  Socket& socket = own(door, id);
  if (socket.shut) return;
  socket.shut = true;
  if (!socket.listener && !socket.end_sent) {
    socket.end_sent = true;
    push(socket.peer, {.kind = PieceKind::end, .bytes = {}}, false);
  }
  at(socket.place, draw_delay_ns() / 8, &SimNetwork::shut_step, id.value);
}

// Each completion may run code that closes the socket, so it is looked up again.
void SimNetwork::shut_step(uint32_t id) {
  receive_step(id);
  send_step(id);
  for (Socket* socket = find(id); socket != nullptr && !socket->accepts.empty();
       socket = find(id)) {
    NetworkRequest& request = *socket->accepts.front();
    socket->accepts.pop_front();
    complete(request, -ECANCELED);
  }
}

void SimNetwork::close_socket(uint32_t id) {
  Socket* socket = find(id);
  if (socket == nullptr) return;
  const Socket closed = std::move(*socket);
  sockets_.erase(id);
  for (const uint32_t waiting : closed.backlog) {
    const Socket* unaccepted = find(waiting);
    if (unaccepted == nullptr) continue;
    push(unaccepted->peer, {.kind = PieceKind::reset, .bytes = {}}, true);
    sockets_.erase(waiting);
  }
  if (closed.listener) return;
  const bool unread = !closed.received.empty() || closed.travelling_bytes > 0;
  if (unread && !closed.reset) {
    push(closed.peer, {.kind = PieceKind::reset, .bytes = {}}, true);
  } else if (!closed.end_sent) {
    push(closed.peer, {.kind = PieceKind::end, .bytes = {}}, false);
  }
}

void SimNetwork::break_connection(uint32_t id) {
  Socket* socket = find(id);
  if (socket == nullptr) return;
  loop_.count("connection cut");
  push(socket->peer, {.kind = PieceKind::reset, .bytes = {}}, true);
  push(id, {.kind = PieceKind::reset, .bytes = {}}, true);
}

void SimNetwork::cut(uint32_t node) {
  for (auto& [id, socket] : sockets_) {
    if (!socket.listener && socket.place->node == node) break_connection(id);
  }
}

void SimNetwork::cut(uint32_t node, uint32_t other) {
  for (auto& [id, socket] : sockets_) {
    if (socket.listener || socket.place->node != node || socket.peer_node != other) continue;
    break_connection(id);
  }
}

void SimNetwork::crash(uint32_t node) {
  std::vector<uint32_t> peers;
  for (auto at = sockets_.begin(); at != sockets_.end();) {
    if (at->second.place->node != node) {
      ++at;
      continue;
    }
    if (!at->second.listener) peers.push_back(at->second.peer);
    at = sockets_.erase(at);
  }
  for (const uint32_t peer : peers) push(peer, {.kind = PieceKind::reset, .bytes = {}}, true);
}

}  // namespace penstock::sim
