// One reactor's share of a bench's topic: appends to its partitions, drops the log behind itself so that files are
// recycled, and reads back what it knows it has appended.
//
// Made on the main thread; its tasks run on its reactor, one at a time. It outlives the engines it works on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tools/bench_batches.h"
#include "tools/latency_histogram.h"

namespace penstock {

class BenchLoad {
 public:
  struct Options {
    std::string topic;
    BenchBatches::Options batches;
    uint32_t queue_depth = 8;
    uint64_t live_bytes_max = 0;    // of one partition; 0: the log is not dropped
    bool in_place = true;           // reserve, fill, commit; else copied from memory of ours
    bool plant_difference = false;  // what is expected is not what was appended
    uint32_t reactor_index = 0;     // batches of all reactors are to differ
    uint32_t reactor_count = 1;
  };
  // Whichever comes first.
  struct Limit {
    uint64_t deadline_ns = ~uint64_t{0};  // monotonic
    uint64_t bytes = ~uint64_t{0};        // appended by this run
    uint32_t under_way_min = 0;           // more than queue_depth, where only the outcome counts
  };
  // What runs since the last take() did.
  struct Counts {
    uint64_t bytes = 0;
    uint64_t operations = 0;
    uint64_t filling_ns = 0;  // what the caller did in place, and no log
    LatencyHistogram latency;
  };

  explicit BenchLoad(const Options& options);
  BenchLoad(const BenchLoad&) = delete;

  Task<void> run(Engine& engine, Limit limit);
  // Reads the log from its start to its end, and compares every byte.
  Task<void> verify(Engine& engine);
  // Reads it in order, again from the start at its end, with queue_depth reads under way and each of about
  // `read_bytes`; compares the ends of what is read.
  Task<void> read(Engine& engine, Limit limit, uint64_t read_bytes);

  Counts take() { return std::exchange(counts_, {}); }
  uint32_t partition_count() const { return static_cast<uint32_t>(partitions_.size()); }
  uint64_t payload_bytes() const { return batches_.payload_bytes(); }
  uint64_t working_set_bytes() const { return batches_.working_set_bytes(); }
  uint64_t verified_bytes() const { return verified_bytes_; }
  const std::string& failure() const { return failure_; }  // empty: none

 private:
  struct Part {
    PartitionKey key;
    std::shared_ptr<Partition> partition;  // while a task runs
    std::vector<uint64_t> numbers;         // of the batches, in the log's order
    bool dropping = false;
    uint64_t read_ordinal = 0;
    uint64_t read_begin = 0;
  };

  bool open(Engine& engine);
  void close();
  void fail(const Part& part, const std::string& what, Error error);
  Task<void> append_until(Engine& engine, Limit limit, TaskGroup& tasks);
  Task<Result<AppendResult>> append(Part& part, uint64_t number, Clock& clock);
  Result<NewFrame> checked_frame(std::span<std::byte> payload) const;
  Task<void> drop_behind(Part& part);
  Task<void> verify_part(Engine& engine, Part& part);
  bool compare(const Part& part, uint64_t ordinal, const ReadResult& result);
  Task<void> read_until(Engine& engine, Limit limit, uint64_t read_bytes);
  bool compare_ends(const Part& part, uint64_t ordinal, const ReadResult& result);

  Options options_;
  BenchBatches batches_;
  std::vector<Part> partitions_;
  size_t next_partition_ = 0;
  uint64_t next_number_ = 0;
  uint64_t started_bytes_ = 0;  // of this run
  Counts counts_;
  uint64_t verified_bytes_ = 0;
  std::string failure_;
};

}  // namespace penstock
