// Compacts the partitions of one store in the background: one at a time, in rounds, the one with the most to gain
// first.
//
// Owned by a PartitionStore; only on its reactor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "engine/compaction.h"

namespace penstock {

class Cleaner {
 public:
  struct Options {
    bool enabled = true;
    uint64_t interval_ns = 15'000'000'000;  // between looks for something to do
    uint64_t bytes_per_second = 0;          // read and written; 0: no limit
    Compaction::Options compaction;
  };
  using Partitions = std::map<PartitionKey, std::shared_ptr<Partition>>;

  // `partitions` is the store's own list, which may change while a round is under way.
  Cleaner(PartitionServices& services, const Partitions& partitions, const Options& options)
      : services_(services),
        partitions_(partitions),
        options_(options),
        budget_(services.doors, options.bytes_per_second) {}
  Cleaner(const Cleaner&) = delete;

  const Options& options() const { return options_; }
  const CleanerFigures& figures() const { return figures_; }

  // Compacts what is due, until nothing is.
  Task<void> clean();
  void stop() { budget_.stop(); }  // what is under way ends soon

 private:
  Task<bool> clean_once();
  Task<std::vector<std::shared_ptr<Partition>>> find_due();

  PartitionServices& services_;
  const Partitions& partitions_;
  Options options_;
  CompactionBudget budget_;
  CleanerFigures figures_;
};

}  // namespace penstock
