// fio as the measure of what a disk does: the same blocks, depth, core and memory as the engine's, without the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

class FioReference {
 public:
  enum class Pattern : uint8_t {
    overwrite,  // a file laid out before
    fresh,      // a new file each time, allocated whole (fallocate mode 0)
    read,       // a file laid out before
  };
  struct Options {
    Pattern pattern = Pattern::overwrite;
    std::string file;
    uint64_t file_bytes = uint64_t{2} << 30;
    uint64_t block_bytes = 256 << 10;
    uint32_t depth = 8;
    int core = 0;
    bool huge_pages = false;
    uint64_t window_ms = 500;
  };
  explicit FioReference(Options options) : options_(std::move(options)) {}

  // Writes the whole file, where the pattern wants one. Nothing, or what went wrong.
  std::optional<std::string> lay_out() const;

  // One window. Bytes per second; nothing after a failure, and `wrong` says which.
  std::optional<double> run(std::string& wrong) const;

  std::string command() const;  // of one window

 private:
  std::vector<std::string> arguments() const;

  Options options_;
};

}  // namespace penstock
