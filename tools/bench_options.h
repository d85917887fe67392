// The options that the commands of `penstock bench` share, and what they make of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/report.h"
#include "tools/bench_node.h"
#include "tools/command.h"

namespace penstock {

struct BenchSettings {
  std::string data_directory = "./penstock-bench";
  uint64_t duration_ms = 7000;  // of all windows of the engine and of what it is compared with
  uint64_t window_ms = 500;
  uint32_t partitions = 1;
  uint64_t batch_bytes = 256 << 10;
  uint64_t record_bytes = 1 << 10;
  uint64_t log_bytes = uint64_t{2} << 30;
  std::string durability = "flushed";
  uint32_t reactors = 0;
  std::vector<int> cores;
  uint32_t queue_depth = 8;
  uint32_t appends =
      0;  // under way on each thread; 0: what keeps the disk busy while flushes are waited for
  std::string poll = "adaptive";
  std::string io = "auto";
  uint64_t memory_bytes = 128 << 20;
  bool json = false;
  std::string against = "none";
  bool bare_loop = false;  // each round has a window of BenchBareLoop too

  uint64_t round_count() const;  // at least one
  uint32_t appends_under_way() const;
};

// Adds how long is measured, and in how long pieces.
void add_window_options(const Command& command, uint64_t& duration_ms, uint64_t& window_ms);
// Adds what every command that runs engines has: where, and on which threads.
void add_engine_options(const Command& command, BenchSettings& settings);
// Adds what the load is: partitions, sizes, depth, durability.
void add_load_options(const Command& command, BenchSettings& settings);
// Adds --against, one of `names` or "none".
void add_against_option(const Command& command, BenchSettings& settings,
                        std::vector<std::string> names, const std::string& description);

// Adds --bare-loop.
void add_bare_loop_option(const Command& command, BenchSettings& settings);

// Whether the program was asked for windows shorter, or rounds fewer, than a judgement needs is told in the result;
// what makes no sense is told here. Empty: all well.
std::string wrong_with(const BenchSettings& settings);

// As --batch-bytes=256KiB has it; bytes where no unit divides it.
std::string size_text(uint64_t bytes);

// Adds an option for a size between `low` and `high`, whose default is what `bytes` is.
void add_size_option(const Command& command, const std::string& name, uint64_t& bytes, uint64_t low,
                     uint64_t high, const std::string& description);

// With the engine's directory below the bench's own. Raises the process's descriptor limit.
BenchNode::Options node_options(const BenchSettings& settings);

// The library's warnings and errors, to standard error.
class BenchReporter : public Reporter {
 public:
  void report(Severity severity, std::string_view text) override;
};

}  // namespace penstock
