#include "engine/cleaner.h"

#include <algorithm>
#include <optional>

namespace penstock {
namespace {
constexpr size_t kPartitionsPerTurn = 256;  // looked at before others have their turn
}

// The dirtiest first. One that is not compacted costs a look at its configuration.
Task<std::vector<std::shared_ptr<Partition>>> Cleaner::find_due() {
  std::vector<std::pair<double, std::shared_ptr<Partition>>> found;
  std::optional<PartitionKey> last;
  uint64_t refused_count = 0;
  for (size_t seen = 1; seen > 0 && !budget_.stopped();) {
    seen = 0;
    std::vector<std::shared_ptr<Partition>> idle;
    auto next = last ? partitions_.upper_bound(*last) : partitions_.begin();
    for (; next != partitions_.end() && seen < kPartitionsPerTurn; ++next, ++seen) {
      last = next->first;
      if (next->second->idle_roll_due()) idle.push_back(next->second);
      const Partition::CompactionNeed need = next->second->compaction_need();
      if (next->second->compaction_refused()) ++refused_count;
      if (need.due) found.emplace_back(need.dirty_ratio, next->second);
    }
    for (const auto& partition : idle) co_await partition->roll_if_due();
    co_await services_.doors.scheduler.yield();
  }
  figures_.refused_partition_count = refused_count;
  std::ranges::stable_sort(found, std::greater<>(), [](const auto& each) { return each.first; });
  std::vector<std::shared_ptr<Partition>> due;
  due.reserve(found.size());
  for (auto& [ratio, partition] : found) due.push_back(std::move(partition));
  co_return due;
}

// Rounds go on while they get something done: memory for keys may be short, and appends go on. A pass that fails is tried
// again by the next clean().
Task<void> Cleaner::clean() {
  for (bool any = true; any && !budget_.stopped();) any = co_await clean_once();
}

Task<bool> Cleaner::clean_once() {
  bool any = false;
  const std::vector<std::shared_ptr<Partition>> due = co_await find_due();
  for (const std::shared_ptr<Partition>& partition : due) {
    if (budget_.stopped()) break;
    Compaction compaction(*partition, services_, budget_, figures_, options_.compaction);
    const Result<void> done = co_await compaction.run();
    ++(done.ok() ? figures_.pass_count : figures_.failed_count);
    any = any || done.ok();
  }
  co_return any;
}

}  // namespace penstock
