// One simulated node with an engine on one reactor, called from outside its world: for tests that tell a short story.
//
//   EngineNode node(seed, {}, {});
//   ASSERT_TRUE(node.start().ok());
//   const PartitionKey key = node.make_topic("t", {});
//   node.append(key, 3, 500);        // three batches of about 500 bytes, at the same time
//   node.crash(Crash::power);        // and start() again
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {

struct StoredBatch {
  uint64_t id = 0;
  uint64_t base_offset = 0;
  friend bool operator==(const StoredBatch&, const StoredBatch&) = default;
};

class EngineNode {
 public:
  EngineNode(uint64_t seed, NodeOptions node_options, EngineOptions engine_options);
  EngineNode(const EngineNode&) = delete;
  ~EngineNode();

  EngineOptions& options() { return options_; }  // for the next start
  static EngineOptions small_segments();         // of 64 KiB to 1 MiB, in /data

  Result<void> start();  // restarts the node first if it is down
  void stop();           // in order; the process ends
  void crash(Crash kind);

  // Partition 0 of a new topic of one partition. The call must succeed (checked).
  PartitionKey make_topic(const std::string& name, std::map<std::string, std::string> config);
  // Of `count` such topics.
  std::vector<PartitionKey> make_topics(size_t count,
                                        const std::map<std::string, std::string>& config);
  Result<TopicId> try_topic(const std::string& name, std::map<std::string, std::string> config);

  // Appends `count` batches side by side: what each was answered, in their order. Acknowledged ones are kept in
  // acknowledged(key).
  std::vector<Result<AppendResult>> append(PartitionKey key, uint64_t count, uint64_t bytes) {
    return append_each(std::vector<PartitionKey>(count, key), bytes);
  }
  // The same, a batch to each of `keys`.
  std::vector<Result<AppendResult>> append_each(const std::vector<PartitionKey>& keys,
                                                uint64_t bytes);
  // The same, each with a partition and a size of its own.
  struct Wish {
    PartitionKey key;
    uint64_t bytes = 0;
  };
  std::vector<Result<AppendResult>> append_wishes(const std::vector<Wish>& wishes);
  // The same, one of each size.
  std::vector<Result<AppendResult>> append_sizes(PartitionKey key,
                                                 const std::vector<uint64_t>& sizes);
  Result<AppendResult> append_one(PartitionKey key, uint64_t bytes) {
    return append(key, 1, bytes).front();
  }
  // One batch of an idempotent producer.
  Result<AppendResult> append_produced(PartitionKey key, const ProducerStamp& stamp,
                                       uint64_t bytes);
  // One batch whose record has a key; of an idempotent producer if there is a stamp.
  Result<AppendResult> append_keyed(PartitionKey key, const std::string& record_key, uint64_t bytes,
                                    const ProducerStamp& stamp = {});
  // One batch as it is.
  Result<AppendResult> append_batch(PartitionKey key, std::vector<std::byte> batch);
  // From now on batches lie where large ones are appended without a copy.
  void set_linkable(bool linkable) { linkable_ = linkable; }
  const std::byte* last_batch() const { return last_batch_; }  // where the last one of these lay
  // Of the batches sent from now on.
  void set_batch_timestamp(int64_t timestamp_ms) { batch_timestamp_ms_ = timestamp_ms; }
  const std::vector<StoredBatch>& acknowledged(PartitionKey key) { return acknowledged_[key]; }

  PartitionOffsets offsets(PartitionKey key);  // the call must succeed (checked)
  // All that the partition shows. An error is the first that a read answered.
  Result<std::vector<StoredBatch>> read_all(PartitionKey key);
  // The acknowledged batches that are not among `stored` at their offsets.
  uint64_t missing_count(PartitionKey key, const std::vector<StoredBatch>& stored);

  Engine& engine() { return *engine_; }
  SimWorld& world() { return world_; }
  SimDisk& disk() { return world_.disk(node_); }
  uint32_t node() const { return node_; }
  bool is_up() const { return world_.is_up(node_); }
  // What was reported since the last call.
  std::vector<std::string> new_reports();

 private:
  Task<void> append_task(Wish wish, uint64_t id, Result<AppendResult>& answer);
  Task<Result<AppendResult>> append_linkable(PartitionKey key, std::vector<std::byte>& batch);
  Task<Result<AppendResult>> batch_task(PartitionKey key, std::vector<std::byte> batch);
  Task<Result<void>> append_all(std::vector<Wish> wishes,
                                std::vector<Result<AppendResult>>& answers);
  Task<Result<std::vector<StoredBatch>>> read_task(PartitionKey key);

  SimWorld world_;
  EngineOptions options_;
  uint32_t node_;
  std::unique_ptr<EngineGroup> group_;
  std::unique_ptr<Engine> engine_;
  std::map<PartitionKey, std::vector<StoredBatch>> acknowledged_;
  uint64_t next_id_ = 1;
  int64_t batch_timestamp_ms_ = 1'000'000;
  bool linkable_ = false;
  const std::byte* last_batch_ = nullptr;
  size_t reports_read_ = 0;
};

}  // namespace penstock::sim
