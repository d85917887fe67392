#include "tools/bench_result.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace penstock {
namespace {

constexpr double kReferenceSpreadMax = 0.25;
constexpr uint64_t kRoundCountMin = 7;
constexpr uint64_t kWindowMsMin = 300;
constexpr uint64_t kWindowMsMax = 1000;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double microseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

}  // namespace

double process_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (core < CPU_SETSIZE) CPU_SET(static_cast<size_t>(core), &cores);
  return sched_setaffinity(0, sizeof cores, &cores) == 0;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

nlohmann::ordered_json BenchResult::rounded(double value) {
  return nlohmann::ordered_json::parse(fmt::format("{:.4g}", value));
}

nlohmann::ordered_json BenchResult::latencies(const LatencyHistogram& histogram) {
  return {{"p50", microseconds(histogram.value_at(0.5))},
          {"p99", microseconds(histogram.value_at(0.99))},
          {"p999", microseconds(histogram.value_at(0.999))},
          {"max", microseconds(histogram.max())}};
}

void BenchResult::add_round(double engine, double reference) {
  rounds_.push_back({engine, reference});
}

std::vector<double> BenchResult::references() const {
  std::vector<double> all;
  for (const Round& round : rounds_) all.push_back(round.reference);
  return all;
}

std::vector<double> BenchResult::ratios() const {
  std::vector<double> all;
  for (const Round& round : rounds_) all.push_back(round.ratio());
  return all;
}

double BenchResult::ratio() const { return median_of(ratios()); }

// Between the quarter-way values: a single slow window of a noisy host is what medians are for.
double BenchResult::reference_spread() const {
  std::vector<double> all = references();
  if (all.empty()) return 0;
  std::ranges::sort(all);
  const double low = all[(all.size() - 1) / 4];
  const double high = all[(all.size() - 1) - (all.size() - 1) / 4];
  return (high - low) / median_of(all);
}

void BenchResult::check_rounds(uint64_t window_ms) {
  if (rounds_.empty()) return;
  if (rounds_.size() < kRoundCountMin) {
    add_invalid(
        fmt::format("{} rounds, and {} are needed: --duration", rounds_.size(), kRoundCountMin));
  }
  if (window_ms < kWindowMsMin || window_ms > kWindowMsMax) {
    add_invalid(fmt::format("windows of {} ms, and {} to {} are wanted: --window", window_ms,
                            kWindowMsMin, kWindowMsMax));
  }
  if (reference_spread() > kReferenceSpreadMax) {
    add_invalid(fmt::format("the reference spreads over {:.0f} %: repeat it on a quieter machine",
                            reference_spread() * 100));
  }
}

// Rates and processor time per byte beside the loop's, round by round, and the loop's beside the reference's.
void BenchResult::add_bare_loop(nlohmann::ordered_json& all) const {
  std::vector<double> rates;
  std::vector<double> cpu_fractions;
  std::vector<double> rate_ratios;
  std::vector<double> cpu_ratios;
  std::vector<double> reference_ratios;
  for (size_t i = 0; i < bare_windows_.size(); ++i) {
    const BenchWindow& bare = bare_windows_[i];
    const BenchWindow& engine = windows_[i];
    rates.push_back(bare.bytes_per_second());
    cpu_fractions.push_back(Round{bare.cpu_seconds, bare.seconds}.ratio());
    rate_ratios.push_back(Round{engine.bytes_per_second(), bare.bytes_per_second()}.ratio());
    cpu_ratios.push_back(
        Round{engine.cpu_seconds_per_gigabyte(), bare.cpu_seconds_per_gigabyte()}.ratio());
    if (i < reference_rates_.size()) {
      reference_ratios.push_back(Round{bare.bytes_per_second(), reference_rates_[i]}.ratio());
    }
  }
  all["bare_loop_bytes_per_second"] = static_cast<uint64_t>(median_of(rates));
  all["bare_loop_cpu_fraction"] = rounded(median_of(cpu_fractions));
  if (!reference_ratios.empty()) {
    all["bare_loop_to_reference"] = rounded(median_of(reference_ratios));
  }
  all["ratio_to_bare_loop"] = rounded(median_of(rate_ratios));
  all["cpu_ratio_to_bare_loop"] = rounded(median_of(cpu_ratios));
}

nlohmann::ordered_json BenchResult::json() const {
  uint64_t bytes = 0;
  uint64_t operations = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  double filling_seconds = 0;
  std::vector<double> rates;
  for (const BenchWindow& window : windows_) {
    bytes += window.bytes;
    operations += window.operations;
    seconds += window.seconds;
    cpu_seconds += window.cpu_seconds;
    filling_seconds += window.filling_seconds;
    rates.push_back(window.bytes_per_second());
  }
  nlohmann::ordered_json all;
  all["command"] = command_;
  all["ratio"] = rounds_.empty() ? nlohmann::ordered_json() : rounded(ratio());
  all["bytes_per_second"] = static_cast<uint64_t>(median_of(rates));
  all["reference_bytes_per_second"] =
      reference_rates_.empty()
          ? nlohmann::ordered_json()
          : nlohmann::ordered_json(static_cast<uint64_t>(median_of(reference_rates_)));
  all["cpu_fraction"] = rounded(seconds > 0 ? cpu_seconds / seconds : 0);
  if (filling_seconds > 0) all["filling_fraction"] = rounded(filling_seconds / seconds);
  all["latency_us"] = latencies(latency_);
  all["bytes"] = bytes;
  all["operations"] = operations;
  all["seconds"] = rounded(seconds);
  if (!rounds_.empty()) {
    const std::vector<double> all_ratios = ratios();
    all["ratio_min"] = rounded(*std::ranges::min_element(all_ratios));
    all["ratio_max"] = rounded(*std::ranges::max_element(all_ratios));
    all["reference_spread"] = rounded(reference_spread());
    for (const Round& round : rounds_) {
      all["rounds"].push_back({{"engine", rounded(round.engine)},
                               {"reference", rounded(round.reference)},
                               {"ratio", rounded(round.ratio())}});
    }
  }
  if (!bare_windows_.empty()) add_bare_loop(all);
  all["valid"] = invalid_.empty();
  all["invalid_because"] = invalid_;
  for (const auto& [name, value] : extra_.items()) all[name] = value;
  return all;
}

std::string BenchResult::text() const {
  std::string lines;
  constexpr size_t kNameWidth = 28;
  const nlohmann::ordered_json all = json();
  for (const auto& [name, value] : all.items()) {
    if (name == "rounds") {
      for (const auto& round : value) {
        lines += fmt::format("{:<{}}  {} / {} = {}\n", "round", kNameWidth, round["engine"].dump(),
                             round["reference"].dump(), round["ratio"].dump());
      }
    } else if (name.ends_with("latency_us")) {
      for (const auto& [quantile, time] : value.items()) {
        lines += fmt::format("{:<{}}  {}\n", name + " " + quantile, kNameWidth, time.dump());
      }
    } else if (value.is_array()) {
      for (const auto& item : value) {
        lines += fmt::format("{:<{}}  {}\n", name, kNameWidth,
                             item.is_string() ? item.get<std::string>() : item.dump());
      }
    } else if (!value.is_null()) {
      lines += fmt::format("{:<{}}  {}\n", name, kNameWidth,
                           value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return lines;
}

void BenchResult::print(bool as_json) const {
  if (as_json) {
    fmt::print("{}\n", json().dump());
  } else {
    fmt::print("{}", text());
  }
}

}  // namespace penstock
