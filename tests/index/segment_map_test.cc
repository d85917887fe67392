#include "index/segment_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

namespace penstock {
namespace {

TEST(SegmentMap, FindsTheLastSegmentThatBeginsAtOrBelowAnOffset) {
  SegmentMap map;
  EXPECT_EQ(map.find({0}), std::nullopt);
  map.push_back({100});
  map.push_back({101});
  map.push_back({5000});
  EXPECT_EQ(map.find({99}), std::nullopt);
  EXPECT_EQ(map.find({100}), 0u);
  EXPECT_EQ(map.find({101}), 1u);
  EXPECT_EQ(map.find({4999}), 1u);
  EXPECT_EQ(map.find({5000}), 2u);
  EXPECT_EQ(map.find({~uint64_t{0}}), 2u);
  EXPECT_EQ(map.base_offset(2), Offset{5000});
}

TEST(SegmentMap, PlacesCountFromTheOldestSegmentLeft) {
  SegmentMap map;
  for (uint64_t base = 0; base < 100; ++base) map.push_back({base * 10});
  map.drop_front(40);
  EXPECT_EQ(map.find({399}), std::nullopt);
  EXPECT_EQ(map.find({400}), 0u);
  map.keep_front(10);
  EXPECT_EQ(map.size(), 10u);
  EXPECT_EQ(map.find({10000}), 9u);
  map.push_back({600});
  EXPECT_EQ(map.find({600}), 10u);
  map.keep_front(0);
  EXPECT_TRUE(map.empty());
  map.push_back({5});  // a partition that was reset may begin anywhere
  EXPECT_EQ(map.find({5}), 0u);
}

// Segments of one record beside segments of 2^40, as retention drops them and writers and cuts move the end.
TEST(SegmentMap, AnswersLikeAScanInThreeAccesses) {
  std::mt19937_64 random(61);
  SegmentMap map;
  std::deque<uint64_t> bases;
  uint64_t base = 0;
  for (int step = 0; step < 20000; ++step) {
    base += uint64_t{1} << (random() % 41);
    map.push_back({base});
    bases.push_back(base);
    if (random() % 50 == 0) {
      const size_t count = random() % (bases.size() / 10 + 1);
      map.drop_front(count);
      bases.erase(bases.begin(), bases.begin() + static_cast<ptrdiff_t>(count));
    }
    if (random() % 100 == 0) {
      const size_t left = bases.size() - random() % (bases.size() / 20 + 1);
      map.keep_front(left);
      bases.resize(left);
      base = bases.back();
    }
    const uint64_t offset =
        random() % 2 ? random() % (base + 10) : bases[random() % bases.size()] + random() % 3 - 1;
    const auto after = std::upper_bound(bases.begin(), bases.end(), offset);
    size_t accesses = 0;
    const auto found = map.find({offset}, &accesses);
    ASSERT_LE(accesses, 3u);
    if (after == bases.begin()) {
      ASSERT_EQ(found, std::nullopt);
    } else {
      ASSERT_EQ(found, static_cast<size_t>(after - bases.begin()) - 1);
    }
  }
}

}  // namespace
}  // namespace penstock
