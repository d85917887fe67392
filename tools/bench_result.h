// What a bench found: windows of the engine and of what it is compared with, taken in turns, and what may be said of
// them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/latency_histogram.h"

namespace penstock {

// Processor time of this process, all its threads, without its children.
double process_cpu_seconds();
double monotonic_seconds();
// The calling thread to `core`, at least 0. False: there is none of that number, or it is not allowed.
bool pin_to(int core);

struct BenchWindow {
  uint64_t bytes = 0;
  uint64_t operations = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  double filling_seconds = 0;  // of cpu_seconds: the load's own work on what it appends in place

  double bytes_per_second() const { return seconds > 0 ? static_cast<double>(bytes) / seconds : 0; }
  double cpu_seconds_per_gigabyte() const {
    return bytes > 0 ? cpu_seconds * 1e9 / static_cast<double>(bytes) : 0;
  }
};

double median_of(std::vector<double> values);  // 0 of none

class BenchResult {
 public:
  explicit BenchResult(std::string command) : command_(std::move(command)) {}

  void add_window(const BenchWindow& window) { windows_.push_back(window); }
  // One round's two values, of the same kind: bytes per second, or seconds.
  void add_round(double engine, double reference);
  void add_reference_rate(double bytes_per_second) { reference_rates_.push_back(bytes_per_second); }
  // Each round's window of a bare loop, if there is one.
  void add_bare_window(const BenchWindow& window) { bare_windows_.push_back(window); }
  // For a reason a person must know to judge the figures.
  void add_invalid(const std::string& reason) { invalid_.push_back(reason); }
  void check_rounds(uint64_t window_ms);

  // As all figures of a result are given: four digits; quantiles in microseconds.
  static nlohmann::ordered_json rounded(double value);
  static nlohmann::ordered_json latencies(const LatencyHistogram& histogram);

  LatencyHistogram& latency() { return latency_; }
  nlohmann::ordered_json& extra() { return extra_; }  // more members, in their order

  double ratio() const;  // the median of the rounds'
  nlohmann::ordered_json json() const;
  // The same for a person.
  std::string text() const;
  void print(bool as_json) const;

 private:
  struct Round {
    double engine;
    double reference;
    double ratio() const { return reference > 0 ? engine / reference : 0; }
  };
  std::vector<double> references() const;
  std::vector<double> ratios() const;
  double reference_spread() const;
  void add_bare_loop(nlohmann::ordered_json& all) const;

  std::string command_;
  std::vector<BenchWindow> windows_;
  std::vector<Round> rounds_;
  std::vector<double> reference_rates_;
  std::vector<BenchWindow> bare_windows_;
  std::vector<std::string> invalid_;
  LatencyHistogram latency_;
  nlohmann::ordered_json extra_;
};

}  // namespace penstock
