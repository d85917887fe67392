// What compaction leaves of a log, and that it never leaves less or more, wherever the node dies.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/compaction_run.h"

namespace penstock::sim {
namespace {

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(EngineCompaction, NoPromiseIsBrokenInAnySeed) {
  const uint64_t one = number_from("PENSTOCK_SEED", 0);
  const uint64_t first = one > 0 ? one : 1;
  const uint64_t count = one > 0 ? 1 : number_from("PENSTOCK_SEEDS", 40);
  size_t dropped = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CompactionRun run(seed, {});
    ASSERT_TRUE(run.run()) << "PENSTOCK_SEED=" << seed << ": " << run.violation();
    dropped += run.dropped_count();
  }
  if (one == 0) {
    EXPECT_GT(dropped, 100 * count);  // else nothing was compacted
  }
}

TEST(EngineCompaction, ACrashAtAnyStepLeavesTheOldOrTheNew) {
  CompactionRun::Options options;
  options.lives = 1;
  options.rounds = 6;
  CompactionRun whole(7, options);
  ASSERT_TRUE(whole.run()) << whole.violation();
  EXPECT_GT(whole.dropped_count(), 20u);
  const uint64_t operations = whole.operation_count();
  options.lives = 2;
  for (uint64_t n = 1; n <= operations; ++n) {
    options.crash_operation = n;
    CompactionRun run(7, options);
    ASSERT_TRUE(run.run()) << "operation " << n << " of " << operations << ": " << run.violation();
  }
}

TEST(EngineCompaction, LittleMemoryMakesItTakeMorePasses) {
  CompactionRun::Options options;
  options.buffer_bytes = 4 << 20;
  options.lives = 2;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CompactionRun run(seed, options);
    ASSERT_TRUE(run.run()) << "seed " << seed << ": " << run.violation();
    EXPECT_GT(run.dropped_count(), 0u);
  }
}

TEST(EngineCompaction, RetentionDropsWhatIsLeftWhereATopicHasBothPolicies) {
  CompactionRun::Options options;
  options.config = {{"cleanup.policy", "compact,delete"}, {"retention.bytes", "30000"}};
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CompactionRun run(seed, options);
    ASSERT_TRUE(run.run()) << "seed " << seed << ": " << run.violation();
  }
}

}  // namespace
}  // namespace penstock::sim
