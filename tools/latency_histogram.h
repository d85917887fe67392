// How often each latency occurred, to three significant digits, in constant memory and without ever sorting.
//
// The buckets are HdrHistogram's: 2,048 of width one, then 1,024 of each double width, so that its logs can be written
// from the counts. Values are nanoseconds; those above kValueMax (73 minutes) count as it. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace penstock {

class LatencyHistogram {
 public:
  static constexpr uint64_t kValueMax = (uint64_t{1} << 42) - 1;

  LatencyHistogram();

  void record(uint64_t value) { record(value, 1); }
  void record(uint64_t value, uint64_t count);
  void add(const LatencyHistogram& other);
  void clear();

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }  // exact; 0 if there are none

  // The smallest recorded value, up to its bucket's width, that at least this share of all values do not exceed.
  // `quantile` is within 0 and 1 (checked). 0 if there are none.
  uint64_t value_at(double quantile) const;

  std::span<const uint64_t> counts() const { return counts_; }  // by bucket
  static size_t bucket_of(uint64_t value);
  static uint64_t lowest_of(size_t bucket);
  static uint64_t highest_of(size_t bucket);

 private:
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace penstock
