// What a partition must hold, kept outside the node that crashes: what was sent, acknowledged, seen and cut.
//
// Tests of whole engines feed it with every call's beginning and end; after each restart it judges the partition's
// whole content. It knows lower bounds only: a record nobody was told about may be there or not, but in one place, whole,
// and never again once a restart did without it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/partition.h"
#include "tests/sim/sim_disk.h"

namespace penstock::sim {

// The first broken promise of a run; later ones may follow from it.
class Verdict {
 public:
  void broken(std::string what) {
    if (what_.empty()) what_ = std::move(what);
  }
  bool clean() const { return what_.empty(); }
  const std::string& what() const { return what_; }

 private:
  std::string what_;
};

// One batch as a reader met it.
struct SeenBatch {
  uint64_t id = 0;  // the sender's number in it
  uint64_t base_offset = 0;
  uint64_t record_count = 0;
  uint64_t hash = 0;  // of all bytes but those the broker sets
};

class PartitionOracle {
 public:
  // `gaps`: its appends say their offsets, so there may be holes between batches.
  PartitionOracle(std::string name, Durability durability, bool gaps, Verdict& verdict)
      : name_(std::move(name)), durability_(durability), gaps_(gaps), verdict_(verdict) {}

  void sent(uint64_t id, uint64_t record_count, uint64_t hash,
            std::optional<uint64_t> given_offset);
  void acknowledged(uint64_t id, uint64_t base_offset);
  // A read that began and ended with no cut between.
  void seen(const SeenBatch& batch);
  void seen_offsets(const PartitionOffsets& offsets, uint64_t log_start_before);
  // Batches read in the middle of other things: each must have been sent, no more is known.
  void seen_during_cut(const SeenBatch& batch);

  void prefix_started(uint64_t offset) { log_starts_.insert(offset); }
  void prefix_done(uint64_t offset);
  void cut_started(uint64_t offset);
  // A cut that failed and let the log go on is forgotten: it cannot come true later.
  void cut_done(uint64_t offset, uint64_t log_end);
  void reset_started(uint64_t offset);
  void reset_done(uint64_t offset);
  uint64_t cut_count() const { return cut_count_; }

  // The node died, or was stopped in order.
  void crashed(Crash kind);
  void stopped() { firm_end_ = std::max(firm_end_, log_end_floor_); }

  // All there is after a start: what follows from it binds as if it had been flushed, for it was.
  void recovered(const PartitionOffsets& offsets, const std::vector<SeenBatch>& batches);

  uint64_t log_start() const { return log_start_; }
  // No later than this, whatever is still under way.
  uint64_t log_start_max() const {
    return log_starts_.empty() ? log_start_ : std::max(log_start_, *log_starts_.rbegin());
  }
  uint64_t known_end() const { return log_end_floor_; }
  uint64_t lost_count() const { return lost_last_time_; }  // batches the last recovery did without
  bool is_dead(uint64_t id) const { return dead_.contains(id); }

 private:
  struct Sent {
    uint64_t record_count = 0;
    uint64_t hash = 0;
    std::optional<uint64_t> given_offset;
    std::optional<uint64_t> base_offset;  // as acknowledged or seen
  };

  void broken(const std::string& what);
  bool is_known(const SeenBatch& batch);
  void place(uint64_t id, uint64_t base_offset);
  void bury_from(uint64_t offset);
  uint64_t required_end();
  bool was_reset(const PartitionOffsets& offsets);

  std::string name_;
  Durability durability_;
  bool gaps_;
  Verdict& verdict_;
  std::map<uint64_t, Sent> sent_;     // alive: in the log or perhaps on their way
  std::set<uint64_t> dead_;           // may never be seen again
  std::map<uint64_t, uint64_t> log_;  // base offset to id
  uint64_t log_start_ = 0;
  std::set<uint64_t> log_starts_;  // asked for, perhaps not done
  uint64_t firm_end_ = 0;          // survives a power cut
  uint64_t written_end_ = 0;       // survives a kill
  uint64_t log_end_floor_ = 0;     // acknowledged or seen
  std::optional<uint64_t> cut_from_;
  std::set<uint64_t> resets_;  // under way, or failed: done or not
  uint64_t cut_count_ = 0;
  uint64_t lost_last_time_ = 0;
};

}  // namespace penstock::sim
