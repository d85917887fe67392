// The life of a compacted topic from one seed: keyed records, tombstones, readers in flight, crashes and restarts.
//
//   CompactionRun run(seed, {});
//   EXPECT_TRUE(run.run()) << run.violation();
//
// What must hold is kept outside the node (KeyedOracle): the last record of each key is there, whole and at its offset;
// records stand in order; what a reader once did without never comes back; a tombstone stays for its delay, and where
// it is gone so are all records before it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/engine_node.h"
#include "tests/sim/engine_oracle.h"

namespace penstock::sim {

// One record as a reader met it.
struct SeenRecord {
  uint64_t offset = 0;
  uint64_t id = 0;
  friend bool operator==(const SeenRecord&, const SeenRecord&) = default;
};

class KeyedOracle {
 public:
  struct Sent {
    uint64_t key = 0;
    bool tombstone = false;
    uint64_t value_bytes = 0;
    int64_t timestamp_ms = 0;
    std::optional<uint64_t> offset;  // as acknowledged or seen
  };
  KeyedOracle(int64_t delete_retention_ms, Verdict& verdict)
      : delete_retention_ms_(delete_retention_ms), verdict_(verdict) {}

  uint64_t send(const Sent& sent);  // answers its id, which its header carries
  const Sent& sent(uint64_t id) const { return sent_.at(id); }
  void acknowledged(uint64_t id, uint64_t offset);
  void met(uint64_t id, uint64_t offset);  // by any reader
  void truncated(uint64_t log_start) { log_start_max_ = std::max(log_start_max_, log_start); }

  // All there was at one moment, from `log_start` on.
  void judge(const std::vector<SeenRecord>& records, uint64_t log_start, int64_t now_ms);

  size_t dropped_count() const { return dropped_.size(); }
  void broken(std::string what) { verdict_.broken(std::move(what)); }

 private:
  int64_t delete_retention_ms_;
  Verdict& verdict_;
  std::map<uint64_t, Sent> sent_;
  std::map<uint64_t, uint64_t> log_;  // offset to id: all that was ever acknowledged or seen
  std::set<uint64_t> dropped_;        // offsets that a reader did without
  uint64_t next_id_ = 1;
  uint64_t log_start_max_ = 0;
};

class CompactionRun {
 public:
  struct Options {
    uint64_t lives = 5;
    uint64_t rounds = 10;           // of appends in each
    uint64_t operations_max = 800;  // of the disk, before a crash
    std::optional<uint64_t>
        crash_operation;  // the first crash, instead of one that is drawn; then no other
    std::map<std::string, std::string> config;
    size_t buffer_bytes = 16 << 20;
  };
  CompactionRun(uint64_t seed, Options options);
  ~CompactionRun();

  bool run();
  const std::string& violation() const { return verdict_.what(); }
  uint64_t operation_count() { return node_.disk().operation_count(); }
  size_t dropped_count() const { return oracle_.dropped_count(); }

 private:
  struct Batch {
    std::vector<std::byte> bytes;
    std::vector<uint64_t> ids;
  };
  bool live(bool last);
  bool make_topic();
  void play_round();
  Batch make_batch();
  Task<void> append(Batch batch);
  Task<void> read_now_and_then();
  Task<Result<uint64_t>> read_all(std::vector<SeenRecord>& records);
  void judge_end(const std::vector<SeenRecord>& records, const PartitionOffsets& offsets);
  void take(std::span<const std::byte> bytes, std::vector<SeenRecord>& records);
  bool judge_all();
  bool is_up() const { return node_.is_up(); }

  Options options_;
  SimRandom random_;
  Verdict verdict_;
  KeyedOracle oracle_;
  EngineNode node_;
  PartitionKey key_;
  uint64_t key_count_;
  bool truncates_;
  uint64_t life_ = 0;
  std::map<int64_t, int32_t> sequences_;  // of producers in this life
};

}  // namespace penstock::sim
