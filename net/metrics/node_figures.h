// The figures of a whole node, gathered from its reactors by messages.
//
// The board is made by main() before the reactors start. Each reactor posts its parts there when it has them, and takes
// them down before they end; a slot is touched on its own reactor only, so that nothing of this needs a lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "net/kafka/groups/group_coordinator.h"
#include "net/kafka/server.h"

namespace penstock::metrics {

class FiguresBoard {
 public:
  struct Slot {
    Doors* doors = nullptr;
    Engine* engine = nullptr;
    kafka::GroupCoordinator* groups = nullptr;
    kafka::Server* server = nullptr;  // once it accepts
  };
  explicit FiguresBoard(uint32_t reactor_count) : slots_(reactor_count) {}
  FiguresBoard(const FiguresBoard&) = delete;

  Slot& slot(uint32_t reactor) { return slots_[reactor]; }  // on that reactor
  uint32_t reactor_count() const { return static_cast<uint32_t>(slots_.size()); }

 private:
  std::vector<Slot> slots_;
};

// Of one reactor; what it has no part for is 0.
struct ReactorFigures {
  SchedulerFigures scheduler;
  DiskFigures disk;
  NetworkFigures network;
  uint64_t buffer_bytes = 0;
  uint64_t buffer_free_bytes = 0;
  EngineFigures engine;
  kafka::ServerFigures server;
  uint64_t request_bytes = 0;  // under way
  uint64_t request_waiting_count = 0;
  uint64_t unsent_bytes = 0;  // of answers
  bool accepts = false;
  std::vector<kafka::GroupFigures> groups;
};

// A place in a topic's partition, and how far it is from the end of what is visible there.
struct GroupLag {
  std::string group;
  std::string topic;
  uint64_t lag = 0;  // over the topic's partitions that the group has a place in
};

struct NodeFigures {
  std::vector<ReactorFigures> reactors;
  std::vector<GroupLag> lags;
  std::shared_ptr<const CatalogSnapshot> catalog;
};

// How far a node has come.
struct Readiness {
  bool ready = false;
  RecoveryFigures recovery;  // over all reactors
  uint32_t accepting_count = 0;
  uint32_t reactor_count = 0;
};

// On any reactor, whose scheduler is given.
Task<Readiness> look_at_readiness(Scheduler& scheduler, FiguresBoard& board);
Task<NodeFigures> gather(Scheduler& scheduler, FiguresBoard& board);

}  // namespace penstock::metrics
