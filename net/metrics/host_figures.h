// What the process's host knows of it: read by the program, which has ways to the world that the layers below have not.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::metrics {

struct ProcessFigures {
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_descriptor_count = 0;
  uint64_t descriptor_count_max = 0;
  uint64_t cpu_ns = 0;
  uint64_t start_time_ms = 0;  // since 1970
};

class HostFigures {
 public:
  virtual ~HostFigures() = default;
  virtual ProcessFigures process() = 0;
  virtual std::string version() const = 0;   // of the program
  virtual std::string compiler() const = 0;  // that made it
};

}  // namespace penstock::metrics
