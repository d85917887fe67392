// Linked with an engine that has a fault planted in its compaction (meson.build): a seed must find it.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/sim/compaction_run.h"

namespace penstock::sim {
namespace {

TEST(PlantedFault, IsFoundByASeed) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CompactionRun run(seed, {});
    if (run.run()) continue;
    std::printf("found by seed %llu: %s\n", static_cast<unsigned long long>(seed),
                run.violation().c_str());
    return;
  }
  FAIL() << "no seed saw it";
}

}  // namespace
}  // namespace penstock::sim
