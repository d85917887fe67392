// Whole lives of a node's engines in a simulated world: clients, crashes and restarts from one seed, judged by oracles.
//
//   EngineRun run(seed, {});
//   EXPECT_TRUE(run.run()) << run.violation();
//
// A life is: start on a drawn number of reactors, read and judge everything, clients at work until a drawn disk
// operation crashes the node (or an orderly stop). The last life has no crash: everything must be served, and nothing
// may be stuck.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/sim/engine_oracle.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {

// What a seed is mostly about.
enum class Family : uint8_t {
  mixed,          // everything
  equal_batches,  // batches of one size: crash, cut, append a little, crash again
  cuts,           // truncate, append, crash
  faults,         // errors of the disk, on one reactor; topics are `flushed`
};

class EngineRun {
 public:
  struct Options {
    std::optional<Family> family;  // else drawn
  };
  EngineRun(uint64_t seed, Options options);
  EngineRun(const EngineRun&) = delete;
  ~EngineRun();

  bool run();  // false: a promise was broken, see violation()
  const std::string& violation() const { return verdict_.what(); }
  const std::map<std::string, uint64_t>& counters() const { return world_.counters(); }
  uint64_t trace_hash() const { return world_.trace_hash(); }

 private:
  struct Life;
  struct PlayedPartition;
  struct PlayedTopic;
  struct Swarm {  // what the seed chose
    uint32_t reactors_max = 1;
    uint32_t topics_max = 1;
    uint32_t partitions_max = 1;
    uint32_t lives = 5;
    uint64_t operations_max = 600;  // of the disk, before a crash
    uint64_t steps = 30;            // of each client
    uint64_t batch_bytes_max = 4096;
    bool equal_batches = false;
    double replica_ratio = 0.4;
    double cut_ratio = 0.2;
    double early_crash_ratio = 0.1;  // within start-up
    double fault_ratio = 0;          // of the disk's operations
  };

  static NodeOptions node_options(uint64_t seed);
  static Swarm swarm_of(uint64_t seed, const Options& options);

  // The story, outside the node.
  void live_once(bool last);
  bool bring_up();
  void plan_crash();
  bool run_until_dead_or(const std::function<bool()>& done, const char* what);
  void note_death();
  void note_reports();
  void count_frames_on_disk();
  void watch(const DiskRequest& request);
  void start_clients();

  // On the node.
  Task<void> start_engine(uint32_t reactor);
  Task<void> stop_engine(uint32_t reactor);
  Task<void> verify();
  void die(Crash kind);
  void verify_catalog();
  Task<void> verify_partition(PlayedTopic& topic, PlayedPartition& partition);
  Task<void> verify_times(PlayedPartition& partition, std::vector<SeenBatch> batches,
                          uint64_t log_start);
  Task<void> play_catalog(uint32_t reactor, uint64_t steps);
  Task<void> create_topic(uint32_t reactor);
  Task<void> delete_topic(uint32_t reactor);
  Task<void> alter_topic(uint32_t reactor);
  Task<void> play_plain(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                        uint64_t steps);
  Task<void> play_replica(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                          uint64_t steps);
  Task<void> append_burst(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                          uint64_t count);
  Task<void> append_one(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor,
                        std::optional<uint64_t>& answer);
  Task<Result<AppendResult>> append_in_place(Partition& log, std::span<const std::byte> batch,
                                             uint32_t reactor);
  Task<Result<AppendResult>> append_linked(PlayedPartition& partition,
                                           std::span<const std::byte> batch, uint32_t reactor);
  Task<void> append_given(PlayedPartition& partition, Partition& log, uint64_t offset, uint64_t id);
  Task<void> replicate(PlayedPartition& partition, std::shared_ptr<Partition> log);
  Task<void> cut_suffix(PlayedPartition& partition, std::shared_ptr<Partition> log);
  Task<void> reset(PlayedPartition& partition, std::shared_ptr<Partition> log);
  Task<void> read_some(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor);
  Task<void> truncate_prefix(PlayedTopic& topic, PlayedPartition& partition, uint32_t reactor);

  std::vector<std::byte> make_batch(uint64_t id);
  uint64_t record_count_of(uint64_t id) const;
  int64_t timestamp_of(uint64_t id) const;
  std::vector<SeenBatch> parse(const ReadResult& read);
  bool is_of_a_fault(Error error) const;
  void unexpected(const PlayedTopic& topic, const char* what, Error error);
  Engine& engine(uint32_t reactor);

  Options options_;
  Swarm swarm_;
  SimWorld world_;
  uint32_t node_ = 0;
  SimRandom random_;
  Verdict verdict_;
  EngineOptions engine_options_;
  std::vector<std::unique_ptr<PlayedTopic>> topics_;
  std::unique_ptr<Life> life_;
  std::vector<std::unique_ptr<Life>> past_lives_;
  Crash crash_kind_ = Crash::power;
  bool may_die_ = false;
  bool unread_ = false;  // a fault kept verify() from its end
  bool stopping_ = false;
  uint64_t next_id_ = 1;
  uint64_t next_topic_ = 1;
  uint64_t running_clients_ = 0;
  size_t reports_read_ = 0;
  uint32_t last_reactor_count_ = 0;
};

}  // namespace penstock::sim
