// The network between the nodes of a simulated world.
//
// Node n has the address 10.0.0.<n + 1>; 127.x.x.x and ::1 are a node's own. Bytes travel in pieces of drawn sizes
// (down to one byte), in order, each with a drawn delay; receives may come up short; a connection holds at most
// buffer_bytes per direction, so a slow reader stops its sender. As in life, a send that completed says nothing about
// what arrived, and closing a socket with unread bytes resets the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/network.h"
#include "tests/sim/sim_loop.h"

namespace penstock::sim {

class SimNetwork {
 public:
  struct Options {
    uint64_t delay_ns_min = 5'000;
    uint64_t delay_ns_max = 500'000;
    uint64_t buffer_bytes = 256 << 10;
    double cut_ratio = 0;                         // of pieces: the connection is reset instead
    double refuse_ratio = 0;                      // of connects
    uint64_t connect_timeout_ns = 1'000'000'000;  // to a node that is down or cut off
    size_t backlog_max = 128;
    bool whole_pieces = false;  // do not split: as much at once as fits
  };
  SimNetwork(SimLoop& loop, SimRandom random, Options options);
  SimNetwork(const SimNetwork&) = delete;
  ~SimNetwork();

  static std::string host_of(uint32_t node);

  void set_cut_ratio(double ratio) { options_.cut_ratio = ratio; }
  // Resets every connection of `node`, or every one between two nodes.
  void cut(uint32_t node);
  void cut(uint32_t node, uint32_t other);
  // Stops what travels from one node to another until unblocked: nothing is lost, connects time out.
  void block(uint32_t from, uint32_t to) { blocked_.insert({from, to}); }
  void unblock(uint32_t from, uint32_t to) { blocked_.erase({from, to}); }

  size_t socket_count(uint32_t node) const;  // streams and listeners not yet closed

  // For SimWorld: a reactor's door, and the end of a node's sockets.
  std::unique_ptr<Network> make_door(SimPlace& place);
  void crash(uint32_t node);

 private:
  class Door;
  enum class PieceKind : uint8_t { data, end, reset };
  struct Piece {
    PieceKind kind = PieceKind::data;
    std::vector<std::byte> bytes;
  };
  struct Socket {
    SimPlace* place = nullptr;
    bool listener = false;
    bool shut = false;     // by its owner
    bool closing = false;  // close is under way

    // Streams.
    uint32_t peer = SocketId::kNone;  // gone when closed or crashed
    std::string peer_name;
    uint32_t peer_node = 0;
    std::deque<Piece> travelling;  // towards this socket
    uint64_t travelling_bytes = 0;
    std::deque<std::byte> received;
    bool ended = false;  // the peer's orderly end has arrived
    bool reset = false;
    bool end_sent = false;
    NetworkRequest* receive = nullptr;
    NetworkRequest* send = nullptr;
    uint64_t sent_bytes = 0;  // of `send`
    uint64_t send_hash = 0;

    // Listeners.
    std::string host;
    uint16_t port = 0;
    std::deque<NetworkRequest*> accepts;
    std::deque<uint32_t> backlog;
  };

  void submit(Door& door, NetworkRequest& request);
  void shut_down(Door& door, SocketId socket);
  Socket* find(uint32_t id);
  Socket& own(Door& door, SocketId id);
  uint64_t draw_delay_ns();
  void at(SimPlace* place, uint64_t delay_ns, void (SimNetwork::*step)(uint32_t), uint32_t id);
  void pin(const SimPlace& place, const NetworkRequest& request, bool pinned) const;
  void complete(NetworkRequest& request, int64_t result);

  void listen(Door& door, NetworkRequest& request);
  void connect(Door& door, NetworkRequest& request);
  int64_t try_connect(SimPlace& place, NetworkRequest& request);
  Socket* pick_listener(uint32_t node, const NetworkAddress& address, uint32_t from);
  int64_t node_of(const std::string& host, uint32_t from) const;
  bool reaches(uint32_t from, uint32_t to) const { return !blocked_.contains({from, to}); }
  void push(uint32_t to, Piece piece, bool ahead);
  void break_connection(uint32_t id);

  // Steps, each in an event of its own.
  void accept_step(uint32_t id);
  void send_step(uint32_t id);
  void receive_step(uint32_t id);
  void arrive_step(uint32_t id);
  void shut_step(uint32_t id);
  void close_socket(uint32_t id);

  SimLoop& loop_;
  Options options_;
  SimRandom delays_;
  SimRandom pieces_;
  SimRandom faults_;
  uint32_t next_id_ = 1;
  uint16_t next_port_ = 30000;
  std::map<uint32_t, Socket> sockets_;
  std::set<std::pair<uint32_t, uint32_t>> blocked_;
};

}  // namespace penstock::sim
