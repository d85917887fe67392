// The measure of what the work itself costs: blocks filled, hashed, written and flushed, or read and hashed, in a loop on a
// ring of its own. There is no log, no index and no reactor in it: what an engine takes of a core beyond that is its own.
//
// All calls come from one thread; the loop runs on another, on its core.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "io/buffers.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"

namespace penstock {

class BenchBareLoop {
 public:
  enum class Work : uint8_t {
    append,  // fills, hashes and writes blocks of a file over and over
    read,    // reads and hashes them
  };
  // What makes no sense of a bench with --bare-loop and these blocks. Empty: all well, or it has none.
  static std::string wrong_with(const BenchSettings& settings, uint64_t block_bytes);

  // Blocks of `block_bytes`, rounded up to the disk's, in a file in the bench's directory; depth, core and durability are
  // the bench's. `node` is parked while the loop runs, and outlives it, as `settings` and `reporter` do.
  BenchBareLoop(Work work, const BenchSettings& settings, uint64_t block_bytes, BenchNode& node,
                BenchReporter& reporter);
  BenchBareLoop(const BenchBareLoop&) = delete;
  ~BenchBareLoop();

  // Each answers what went wrong; empty: nothing did. First of all the file is laid out.
  std::string lay_out();
  // One window, added to `result`. Of appends it ends when all are as durable as the bench's.
  std::string measure(BenchResult& result);
  // Reads the whole file: every block is as it was written last.
  std::string verify();

  std::string description() const;

 private:
  class Pass;

  std::string run_pass(Work work, uint64_t window_ms, uint64_t bytes, BenchWindow& window);
  uint64_t file_bytes() const { return hashes_.size() * block_bytes_; }

  Work work_;
  const BenchSettings& settings_;
  size_t block_bytes_;
  bool flushed_;
  int core_;  // -1: any
  BenchNode& node_;
  BenchReporter& reporter_;
  std::string path_;
  BufferArena arena_;
  std::array<int, 2> descriptors_{-1, -1};  // the file, and the one whose flush is the disk's
  std::vector<uint64_t> hashes_;            // of each block, as written last
  uint64_t next_block_ = 0;
  uint64_t next_number_ = 0;
};

}  // namespace penstock
