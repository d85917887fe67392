// Many seeds of EngineRun in a row.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/sim/engine_harness.h"

namespace penstock::sim {

struct SeedsRun {
  std::optional<uint64_t> failed_seed;  // the first one; none were run after it
  std::string violation;
  std::map<std::string, uint64_t> counters;  // what happened how often, in all of them
};

inline SeedsRun run_seeds(uint64_t first, uint64_t count, const EngineRun::Options& options) {
  SeedsRun seeds;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    EngineRun run(seed, options);
    const bool held = run.run();
    for (const auto& [name, times] : run.counters()) seeds.counters[name] += times;
    if (held) continue;
    seeds.failed_seed = seed;
    seeds.violation = run.violation();
    break;
  }
  return seeds;
}

}  // namespace penstock::sim
