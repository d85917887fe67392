// Linked with an engine that has a fault planted in it (meson.build): a seed must find it.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/sim/engine_seeds.h"

namespace penstock::sim {
namespace {

TEST(PlantedFault, IsFoundByASeed) {
  const SeedsRun found = run_seeds(1, 60, {});
  ASSERT_TRUE(found.failed_seed) << "no seed saw it";
  std::printf("found by seed %llu: %s\n", static_cast<unsigned long long>(*found.failed_seed),
              found.violation.c_str());
}

}  // namespace
}  // namespace penstock::sim
