// Seeds of crashing engines. PENSTOCK_SEED replays one; PENSTOCK_SEEDS says how many, PENSTOCK_FIRST_SEED from where.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/engine_seeds.h"

namespace penstock::sim {
namespace {

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Nothing may break, and each of `sometimes` must have happened: else the seeds have gone blind.
void expect_clean(uint64_t seeds, const EngineRun::Options& options,
                  const std::vector<const char*>& sometimes) {
  const uint64_t one = number_from("PENSTOCK_SEED", 0);
  const uint64_t first = one > 0 ? one : number_from("PENSTOCK_FIRST_SEED", 1);
  const uint64_t count = one > 0 ? 1 : number_from("PENSTOCK_SEEDS", seeds);
  const SeedsRun run = run_seeds(first, count, options);
  if (run.failed_seed) FAIL() << "PENSTOCK_SEED=" << *run.failed_seed << ": " << run.violation;
  for (const auto& [name, times] : run.counters) {
    std::printf("  %8llu  %s\n", static_cast<unsigned long long>(times), name.c_str());
  }
  if (count < seeds) return;
  for (const char* name : sometimes) EXPECT_TRUE(run.counters.contains(name)) << name;
}

TEST(EngineCrash, NoPromiseIsBrokenInAnySeed) {
  expect_clean(300, {},
               {"power cut",
                "kill",
                "orderly stop",
                "write cut short by power loss",
                "write cut short by a kill",
                "a tail was cut",
                "a tail was cut in two lives in a row",
                "a dead frame lies on the disk",
                "a segment file was made",
                "a segment file was recycled",
                "a death while starting",
                "a start on another number of reactors",
                "a topic was created",
                "a topic was deleted",
                "a topic was altered",
                "a prefix was truncated",
                "a suffix was truncated",
                "a partition was reset",
                "a read while clients append",
                "a batch lay where it can be linked"});
}

TEST(EngineCrash, EqualBatchesThatWereCutNeverComeBack) {
  EngineRun::Options options;
  options.family = Family::equal_batches;
  expect_clean(60, options,
               {"a tail was cut in two lives in a row", "a dead frame lies on the disk"});
}

TEST(EngineCrash, WhatWasTruncatedNeverComesBack) {
  EngineRun::Options options;
  options.family = Family::cuts;
  expect_clean(60, options, {"a suffix was truncated", "a dead frame lies on the disk"});
}

TEST(EngineCrash, ErrorsOfTheDiskLoseNothingEither) {
  EngineRun::Options options;
  options.family = Family::faults;
  expect_clean(100, options, {"a start failed", "disk fault", "a tail was cut"});
}

TEST(EngineCrash, ASeedIsReplayedExactly) {
  for (const uint64_t seed : {3, 17, 42}) {
    EngineRun first(seed, {});
    EngineRun second(seed, {});
    EXPECT_TRUE(first.run()) << first.violation();
    EXPECT_TRUE(second.run()) << second.violation();
    EXPECT_EQ(first.trace_hash(), second.trace_hash());
  }
}

}  // namespace
}  // namespace penstock::sim
