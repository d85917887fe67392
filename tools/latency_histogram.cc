#include "tools/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "io/check.h"

namespace penstock {
namespace {

constexpr int kHalfBits = 10;  // 1,024 buckets of each width tell three digits apart
constexpr uint64_t kHalf = uint64_t{1} << kHalfBits;

int width_bits(size_t bucket) { return std::max(static_cast<int>(bucket >> kHalfBits) - 1, 0); }

}  // namespace

LatencyHistogram::LatencyHistogram() : counts_(bucket_of(kValueMax) + 1) {}

size_t LatencyHistogram::bucket_of(uint64_t value) {
  const int shift = 64 - std::countl_zero(value | (2 * kHalf - 1)) - (kHalfBits + 1);
  return (static_cast<size_t>(shift) << kHalfBits) + (value >> shift);
}

uint64_t LatencyHistogram::lowest_of(size_t bucket) {
  const int shift = width_bits(bucket);
  return (bucket - (static_cast<size_t>(shift) << kHalfBits)) << shift;
}

uint64_t LatencyHistogram::highest_of(size_t bucket) {
  return lowest_of(bucket) + (uint64_t{1} << width_bits(bucket)) - 1;
}

void LatencyHistogram::record(uint64_t value, uint64_t count) {
  if (count == 0) return;
  value = std::min(value, kValueMax);
  counts_[bucket_of(value)] += count;
  count_ += count;
  max_ = std::max(max_, value);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

void LatencyHistogram::clear() {
  std::ranges::fill(counts_, 0);
  count_ = 0;
  max_ = 0;
}

uint64_t LatencyHistogram::value_at(double quantile) const {
  check(quantile >= 0 && quantile <= 1);
  const auto wanted = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(highest_of(bucket), max_);
  }
  return max_;
}

}  // namespace penstock
