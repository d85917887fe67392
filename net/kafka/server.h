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
#include "net/kafka/connection_census.h"
#include "net/kafka/fetch/fetch_session.h"
#include "net/kafka/frame_reader.h"
#include "net/kafka/groups/group_coordinator.h"
#include "net/kafka/handlers/produced_batch.h"
#include "net/kafka/quotas/quota_meters.h"
#include "net/kafka/request_memory.h"
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
  // The same where the next request would only wait for those before it.
  uint64_t waiting_bytes_max = 64 << 10;
  // Answers that its client has not taken: then nothing more is done for it.
  uint64_t unsent_bytes_max = 4 << 20;
  int64_t queued_bytes_max = -1;  // of all requests under way of a reactor; -1: half its buffers
  // An answer must be taken in this time, and one second more for each so many bytes.
  uint64_t send_patience_ns = 30'000'000'000;
  uint64_t send_bytes_per_s_min = 64 << 10;
};

class Server {
 public:
  // All outlive it; `census` and `quota_meters` are shared by the servers of all reactors.
  Server(Engine& engine, GroupCoordinator& groups, ConnectionCensus& census,
         QuotaMeters& quota_meters, ServerOptions options);
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
  RequestMemory& request_memory() { return request_memory_; }
  QuotaMeters& quota_meters() { return quota_meters_; }

  // Bytes of answers that are made and not sent, over all connections.
  void add_unsent(int64_t bytes) { unsent_bytes_ += bytes; }
  // How large one more answer may be where its size can be chosen: what clients do not read must not fill the pool.
  uint64_t answer_bytes_max() const;
  // With more that it has not taken, nothing more is begun for a client: where others hold a lot, with anything.
  uint64_t unsent_bytes_max() const;
  uint64_t unsent_bytes() const { return static_cast<uint64_t>(unsent_bytes_); }
  uint16_t port(size_t listener) const { return listeners_[listener].address.port; }

 private:
  struct Listener {
    SocketId socket;
    NetworkAddress address;  // with the port it really has
  };

  Task<void> accept_loop(size_t listener);
  Task<void> serve(SocketId socket, NetworkAddress advertised, std::string ip);
  Task<bool> enter(SocketId socket, const std::string& ip);
  std::optional<uint64_t> idle_ns_max() const;
  void arm_sweep();
  void sweep();

  Engine& engine_;
  GroupCoordinator& groups_;
  ServerOptions options_;
  FetchSessions fetch_sessions_;
  BatchCodecs batch_codecs_;
  std::vector<Listener> listeners_;
  std::map<uint32_t, Connection*> connections_;  // by socket
  ConnectionCensus& census_;
  QuotaMeters& quota_meters_;
  RequestMemory request_memory_;
  int64_t unsent_bytes_ = 0;
  Timer sweep_timer_;
  ServerFigures figures_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace penstock::kafka
