#include "engine/compaction_budget.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr uint64_t kYieldBytes = 64 << 10;
constexpr uint64_t kWaitNsMax = 100'000'000;
constexpr uint64_t kDebtNsMin = 1'000'000;  // less is not worth a timer

}  // namespace

Task<void> CompactionBudget::spend(uint64_t bytes) {
  if (bytes_per_second_ > 0) {
    free_at_ns_ = std::max(free_at_ns_, doors_.clock.monotonic_ns()) +
                  bytes * 1'000'000'000 / bytes_per_second_;
  }
  co_await work(bytes);
}

Task<void> CompactionBudget::work(uint64_t bytes) {
  unyielded_bytes_ += bytes;
  if (unyielded_bytes_ < kYieldBytes) co_return;
  unyielded_bytes_ = 0;
  co_await doors_.scheduler.yield();
}

bool CompactionBudget::in_debt() const {
  return !stopped_ && free_at_ns_ >= doors_.clock.monotonic_ns() + kDebtNsMin;
}

Task<void> CompactionBudget::wait() {
  const uint64_t until_ns = std::min(free_at_ns_, doors_.clock.monotonic_ns() + kWaitNsMax);
  (void)co_await waiting_.wait_until(doors_.clock, until_ns);
}

}  // namespace penstock
