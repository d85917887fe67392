#include "tools/latency_histogram.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace penstock {
namespace {

TEST(LatencyHistogram, HasNoValuesAtFirst) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.value_at(0.5), 0u);
}

TEST(LatencyHistogram, PutsEveryValueIntoABucketThatHoldsIt) {
  for (uint64_t value = 1; value < LatencyHistogram::kValueMax; value += value / 7 + 1) {
    const size_t bucket = LatencyHistogram::bucket_of(value);
    EXPECT_LE(LatencyHistogram::lowest_of(bucket), value);
    EXPECT_GE(LatencyHistogram::highest_of(bucket), value);
  }
}

TEST(LatencyHistogram, BucketsFollowEachOtherWithoutAGap) {
  const size_t last = LatencyHistogram::bucket_of(LatencyHistogram::kValueMax);
  for (size_t bucket = 0; bucket < last; ++bucket) {
    ASSERT_EQ(LatencyHistogram::highest_of(bucket) + 1, LatencyHistogram::lowest_of(bucket + 1));
    ASSERT_EQ(LatencyHistogram::bucket_of(LatencyHistogram::lowest_of(bucket)), bucket);
  }
}

TEST(LatencyHistogram, BucketsAreNarrowerThanAThousandthOfTheirValues) {
  const size_t last = LatencyHistogram::bucket_of(LatencyHistogram::kValueMax);
  for (size_t bucket = 0; bucket <= last; ++bucket) {
    const uint64_t low = LatencyHistogram::lowest_of(bucket);
    ASSERT_LE((LatencyHistogram::highest_of(bucket) - low) * 1000, low);
  }
}

TEST(LatencyHistogram, AnswersQuantilesToThreeDigits) {
  LatencyHistogram histogram;
  for (uint64_t value = 1; value <= 1'000'000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.count(), 1'000'000u);
  EXPECT_NEAR(static_cast<double>(histogram.value_at(0.5)), 500'000, 500);
  EXPECT_NEAR(static_cast<double>(histogram.value_at(0.99)), 990'000, 990);
  EXPECT_NEAR(static_cast<double>(histogram.value_at(0.999)), 999'000, 999);
  EXPECT_EQ(histogram.value_at(1), 1'000'000u);
  EXPECT_EQ(histogram.value_at(0), 1u);
}

TEST(LatencyHistogram, TellsTheMaximumExactly) {
  LatencyHistogram histogram;
  histogram.record(1'234'567'891);
  EXPECT_EQ(histogram.max(), 1'234'567'891u);
  EXPECT_EQ(histogram.value_at(0.5), 1'234'567'891u);
}

TEST(LatencyHistogram, CountsWhatIsBeyondItsRangeAsItsGreatestValue) {
  LatencyHistogram histogram;
  histogram.record(~uint64_t{0});
  EXPECT_EQ(histogram.max(), LatencyHistogram::kValueMax);
  EXPECT_EQ(histogram.count(), 1u);
}

TEST(LatencyHistogram, AddsUpAndBeginsAnew) {
  LatencyHistogram some;
  LatencyHistogram others;
  some.record(10);
  others.record(30, 3);
  some.add(others);
  EXPECT_EQ(some.count(), 4u);
  EXPECT_EQ(some.value_at(0.25), 10u);
  EXPECT_EQ(some.value_at(0.26), 30u);
  EXPECT_EQ(some.max(), 30u);
  some.clear();
  EXPECT_EQ(some.count(), 0u);
  EXPECT_EQ(some.value_at(1), 0u);
}

}  // namespace
}  // namespace penstock
