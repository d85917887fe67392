// Latencies as an HdrHistogram log: what its viewers and its libraries in other languages read.
//
// Version 1.3 of the log, histograms in the compressed V2 encoding. Values are nanoseconds, Interval_Max milliseconds.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/latency_histogram.h"

namespace penstock {

// The V2 encoding, not compressed.
std::vector<std::byte> encode_hdr(const LatencyHistogram& histogram);

// Compressed, and in base64: what stands in a line of a log.
std::string hdr_text(const LatencyHistogram& histogram);

class HdrLog {
 public:
  // Null: `path` cannot be written.
  static std::unique_ptr<HdrLog> create(const std::string& path, double start_seconds);

  // One interval, whose start counts from the log's.
  void add(const LatencyHistogram& histogram, double begin_seconds, double length_seconds);
  // False: something could not be written.
  bool close();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  explicit HdrLog(std::FILE* file) : file_(file) {}

  std::unique_ptr<std::FILE, Closer> file_;
  bool failed_ = false;
};

}  // namespace penstock
