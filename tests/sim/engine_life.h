// One incarnation of a node's engines, one on each reactor.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace penstock::sim {

struct EngineLife {
  struct Reactor {
    std::unique_ptr<Engine> engine;
    std::optional<Result<void>> started;
    bool stopped = false;
  };
  std::unique_ptr<EngineGroup> group;
  std::vector<Reactor> reactors;
};

}  // namespace penstock::sim
