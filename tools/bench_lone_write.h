// The measure of a lone durable append: one block written over another with RWF_DSYNC, through the same disk.
#pragma once

#include <cstdint>
#include <string>

#include "engine/engine.h"
#include "tools/latency_histogram.h"

namespace penstock {

// A new file with bytes in it and flushed, for writes over them. Error: the disk's.
Task<Result<void>> lay_out_bench_file(Doors& doors, const std::string& path, uint64_t file_bytes);

// Writes the blocks of a file laid out before, one after the other, until `deadline_ns`. Error: the disk's.
class BenchLoneWrite {
 public:
  BenchLoneWrite(std::string path, uint64_t file_bytes)
      : path_(std::move(path)), file_bytes_(file_bytes) {}

  Task<void> run(Engine& engine, uint64_t deadline_ns, LatencyHistogram& latency,
                 Result<void>& outcome);

 private:
  std::string path_;
  uint64_t file_bytes_;
  uint64_t position_ = 0;
};

}  // namespace penstock
