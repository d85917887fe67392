// The Kafka protocol on one reactor: its listeners and connections.
//
// One Server per reactor, over that reactor's Engine; all listen on the same addresses (SO_REUSEPORT), and any
// connection reaches every partition. start(), then stop(); both on the reactor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "io/event.h"
#include "net/kafka/connection_count.h"
#include "net/kafka/fetch/fetch_session.h"
#include "net/kafka/frame_reader.h"
#include "net/kafka/groups/group_coordinator.h"
#include "net/kafka/handlers/produced_batch.h"
#include "net/kafka/server_figures.h"

namespace penstock::kafka {

class BrokerConfig;
class Connection;

struct ServerOptions {
  std::vector<NetworkAddress> listen;
  std::optional<NetworkAddress>
      advertise;  // what clients are told; else the address they came in by
  int32_t node_id = 1;
  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  bool delete_topics = true;
  // A connection without a request for so long is ended; -1: never.
  int64_t connections_idle_ms_max = 600'000;
  // Of all reactors; one more is ended at once. Who makes several servers gives them one count.
  int32_t connections_max = INT32_MAX;
  std::shared_ptr<ConnectionCount> connection_count;
  // What DescribeConfigs tells; null: Kafka's defaults.
  std::shared_ptr<const BrokerConfig> broker_config;
  int32_t fetch_bytes_max = 57'671'680;  // of one answer: clients have limits of their own
  FetchSessions::Options fetch_sessions;
  FrameLimits frames;
  // A request that has begun must be complete by then.
  uint64_t request_patience_ns = 30'000'000'000;
  // Of one connection, answered or being answered: then its socket is read no further.
  uint32_t pipelined_requests_max = 128;
  uint64_t pipelined_bytes_max = 16 << 20;  // one larger request may be under way alone
};

class Server {
 public:
  // `engine` and `groups` outlive it.
  Server(Engine& engine, GroupCoordinator& groups, ServerOptions options);
  Server(const Server&) = delete;
  ~Server();  // stop() has completed

  // Listens and accepts. Error::already_exists: the address is in use; invalid_argument, unsupported: it cannot be had.
  Task<Result<void>> start();
  // Ends the listeners and all connections, and waits for the requests under way.
  Task<void> stop();

  Engine& engine() { return engine_; }
  GroupCoordinator& groups() { return groups_; }
  FetchSessions& fetch_sessions() { return fetch_sessions_; }
  BatchCodecs& batch_codecs() { return batch_codecs_; }
  const ServerOptions& options() const { return options_; }
  ServerFigures& figures() { return figures_; }
  uint16_t port(size_t listener) const { return listeners_[listener].address.port; }

 private:
  struct Listener {
    SocketId socket;
    NetworkAddress address;  // with the port it really has
  };

  Task<void> accept_loop(size_t listener);
  Task<bool> has_room();
  Task<void> give_room();
  Task<void> serve(SocketId socket, NetworkAddress advertised);

  Engine& engine_;
  GroupCoordinator& groups_;
  ServerOptions options_;
  FetchSessions fetch_sessions_;
  BatchCodecs batch_codecs_;
  std::vector<Listener> listeners_;
  std::map<uint32_t, Connection*> connections_;  // by socket
  ServerFigures figures_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace penstock::kafka
