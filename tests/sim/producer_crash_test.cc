// Seeds of idempotent producers. PENSTOCK_SEED replays one; PENSTOCK_SEEDS says how many, PENSTOCK_FIRST_SEED from where.
// The same program, linked with an engine that has a fault planted in it (meson.build, -DPLANTED_FAULT), passes if a seed
// finds it.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/producer_run.h"

namespace penstock::sim {
namespace {

#ifdef PLANTED_FAULT
constexpr bool kPlantedFault = true;
#else
constexpr bool kPlantedFault = false;
#endif

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(ProducerCrash, EveryBatchIsStoredExactlyOnceInEverySeed) {
  constexpr uint64_t kSeeds = 300;
  const uint64_t one = number_from("PENSTOCK_SEED", 0);
  const uint64_t first = one > 0 ? one : number_from("PENSTOCK_FIRST_SEED", 1);
  const uint64_t count = one > 0 ? 1 : number_from("PENSTOCK_SEEDS", kSeeds);
  std::map<std::string, uint64_t> counters;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    ProducerRun run(seed);
    const bool held = run.run();
    for (const auto& [name, times] : run.counters()) counters[name] += times;
    if (held) continue;
    std::printf("PENSTOCK_SEED=%llu: %s\n", static_cast<unsigned long long>(seed),
                run.violation().c_str());
    if (!kPlantedFault) FAIL() << "PENSTOCK_SEED=" << seed << ": " << run.violation();
    return;
  }
  if (kPlantedFault) FAIL() << "no seed saw it";
  for (const auto& [name, times] : counters) {
    std::printf("  %8llu  %s\n", static_cast<unsigned long long>(times), name.c_str());
  }
  if (count < kSeeds) return;
  for (const char* name : {"a batch was known", "a producer began a new epoch", "orderly stop",
                           "a prefix was truncated", "a suffix was truncated"}) {
    EXPECT_TRUE(counters.contains(name)) << name;
  }
}

}  // namespace
}  // namespace penstock::sim
