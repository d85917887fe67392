// Idempotent producers against an engine that crashes, from one seed: every batch must be stored exactly once, and who
// sends one again must hear where it was stored the first time.
//
//   ProducerRun run(seed);
//   EXPECT_TRUE(run.run()) << run.violation();
//
// A life of the node: start, read all and judge it, producers at work until a drawn disk operation crashes it (or an
// orderly stop). Producers outlive it: what was not acknowledged they send again, in order, and as it was. Some answers
// are lost on their way back, some batches are sent twice at once, over two reactors.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/sim/engine_oracle.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {

class ProducerRun {
 public:
  explicit ProducerRun(uint64_t seed);
  ProducerRun(const ProducerRun&) = delete;
  ~ProducerRun();

  bool run();  // false: a promise was broken, see violation()
  const std::string& violation() const { return verdict_.what(); }
  const std::map<std::string, uint64_t>& counters() const { return world_.counters(); }

 private:
  struct Life;
  struct Batch {  // as its producer made it
    uint64_t id = 0;
    uint64_t number = 0;  // among its producer's
    int16_t epoch = 0;
    int32_t base_sequence = 0;
    uint32_t record_count = 1;
    std::optional<uint64_t> offset;  // where it is, as somebody has heard or read
  };
  struct Producer {
    ProducerIdentity identity;
    int32_t next_sequence = 0;
    uint64_t next_number = 0;
    std::deque<Batch> unanswered;  // in order
    std::vector<Batch> answered;
    uint32_t reactor = 0;
  };

  void live_once(bool last);
  void plan_crash();
  bool bring_up();
  bool run_until_dead_or(const std::function<bool()>& done, const char* what);
  void note_death();
  void stop();

  Task<void> start_engine(uint32_t reactor);
  Task<void> stop_engine(uint32_t reactor);
  Task<void> verify();
  Task<void> read_log(std::map<uint64_t, uint64_t>& stored);
  void judge(const std::map<uint64_t, uint64_t>& stored, uint64_t log_start, uint64_t log_end);
  void take_back(Producer& producer, uint64_t from_offset);
  Task<ProducerIdentity> make_producer();
  Task<void> begin_epoch(Producer& producer);
  void make_batches(Producer& producer);
  Task<void> play(Producer& producer, uint64_t steps);
  Task<void> send_burst(Producer& producer);
  Task<void> send(Producer& producer, Batch batch, uint32_t reactor, bool again);
  void note_answer(Producer& producer, const Batch& batch, uint64_t offset);
  Task<void> disturb(uint64_t steps);
  Task<void> cut();
  std::vector<std::byte> make_batch(const Producer& producer, const Batch& batch);
  Engine& engine(uint32_t reactor);

  SimWorld world_;
  uint32_t node_;
  SimRandom random_;
  Verdict verdict_;
  EngineOptions options_;
  uint64_t batch_bytes_max_;
  uint32_t reactors_max_;
  std::unique_ptr<Life> life_;
  Crash crash_kind_ = Crash::power;
  bool may_die_ = false;
  std::optional<PartitionKey> key_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::map<uint64_t, uint64_t> placed_;  // batch id to offset, for ever, but for what is cut
  std::set<int64_t> ids_;                // of all producers ever
  uint64_t log_start_asked_ = 0;
  std::optional<uint64_t> cut_from_;  // under way, or done in part
  uint64_t running_ = 0;
  uint64_t next_id_ = 1;
};

}  // namespace penstock::sim
