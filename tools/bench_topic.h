// A topic under a bench's load: on every reactor its share, together one set of windows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench_load.h"
#include "tools/bench_node.h"
#include "tools/bench_result.h"

namespace penstock {

class BenchTopic {
 public:
  struct Options {
    std::string name = "bench";
    uint32_t partitions = 1;
    std::string durability = "flushed";
    uint64_t segment_bytes = 256 << 20;
    BenchLoad::Options load;
  };
  BenchTopic(const Options& options, uint32_t reactor_count);
  BenchTopic(const BenchTopic&) = delete;

  // Makes it in the node's catalog.
  Result<void> create(BenchNode& node) const;

  // Appends for so long, or so much, on all reactors.
  BenchWindow append_for(BenchNode& node, uint64_t milliseconds, LatencyHistogram& latency);
  void append_bytes(BenchNode& node, uint64_t bytes);
  BenchWindow read_for(BenchNode& node, uint64_t milliseconds, uint64_t read_bytes,
                       LatencyHistogram& latency);
  void verify(BenchNode& node);

  uint64_t payload_bytes() const { return loads_.front()->payload_bytes(); }
  uint64_t working_set_bytes() const { return loads_.front()->working_set_bytes(); }
  uint64_t appended_bytes() const { return appended_bytes_; }
  uint64_t verified_bytes() const;
  std::string failure() const;  // the first one; empty: none

 private:
  BenchWindow measure(BenchNode& node, uint64_t milliseconds, LatencyHistogram& latency,
                      const std::function<Task<void>(Engine&, BenchLoad::Limit)>& work);
  BenchLoad& load_of(const Engine& engine) const;

  Options options_;
  std::vector<std::unique_ptr<BenchLoad>> loads_;
  uint64_t appended_bytes_ = 0;
};

}  // namespace penstock
