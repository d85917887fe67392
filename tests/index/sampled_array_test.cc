#include "index/sampled_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

namespace penstock {
namespace {

struct Entry {
  uint64_t key;
};
using Array = SampledArray<Entry>;

size_t scan(const std::deque<uint64_t>& keys, uint64_t key) {
  return static_cast<size_t>(
      std::count_if(keys.begin(), keys.end(), [key](uint64_t one) { return one <= key; }));
}

Array evens(size_t count) {
  Array array;
  for (size_t i = 0; i < count; ++i) array.push_back({2 * i + 2});
  return array;
}

TEST(SampledArray, CountsTheEntriesAtOrBelowAKeyAtEverySize) {
  Array array;
  EXPECT_EQ(array.count_at_or_below(~uint64_t{0}), 0u);
  for (size_t size = 1; size <= 2100; ++size) {
    array.push_back({2 * size});
    ASSERT_EQ(array.count_at_or_below(0), 0u) << size;
    ASSERT_EQ(array.count_at_or_below(1), 0u) << size;
    ASSERT_EQ(array.count_at_or_below(2), 1u) << size;
    ASSERT_EQ(array.count_at_or_below(2 * size - 1), size - 1) << size;
    ASSERT_EQ(array.count_at_or_below(2 * size), size) << size;
    ASSERT_EQ(array.count_at_or_below(~uint64_t{0}), size) << size;
  }
  for (size_t key = 0; key < 4300; ++key) {
    ASSERT_EQ(array.count_at_or_below(key), std::min<size_t>(key / 2, 2100)) << key;
  }
}

TEST(SampledArray, EvenKeysAreFoundByOneLookWhateverTheirNumber) {
  for (const size_t size : {16, 32, 33, 1024, 1025, 32768, 32769, 1000000}) {
    Array array = evens(size);
    array.settle();
    for (size_t place = 0; place < size; place += 1 + size / 1000) {
      size_t accesses = 0;
      ASSERT_EQ(array.count_at_or_below(2 * place + 3, &accesses), place + 1) << size;
      ASSERT_EQ(accesses, 1u) << size;
    }
  }
}

// Even at first and steep later: guesses that were good once go wrong, and cost one look more at most until the line
// is drawn anew.
TEST(SampledArray, KeysThatStopBeingEvenAreStillFound) {
  Array array;
  uint64_t key = 0;
  for (size_t size = 1; size <= 3000; ++size) {
    key += size < 1000 ? 10 : size * size;
    array.push_back({key});
    for (const uint64_t probe : {key, key / 2, key - 1, uint64_t{5000}, uint64_t{10010}}) {
      size_t accesses = 0;
      size_t below = 0;
      const size_t count = array.count_at_or_below(probe, &accesses);
      if (count > 0) below = array[count - 1].key;
      ASSERT_LE(below, probe);
      if (count < array.size()) {
        ASSERT_GT(array[count].key, probe);
      }
      ASSERT_LE(accesses, 4u);
    }
  }
  size_t accesses = 0;
  EXPECT_EQ(array.count_at_or_below(5000, &accesses), 500u);
  EXPECT_EQ(accesses, 3u);  // the line has been given up
}

TEST(SampledArray, TheHighestKeysDoNotOverflowAGuess) {
  Array array;
  const uint64_t top = ~uint64_t{0};
  for (uint64_t i = 0; i < 100; ++i) array.push_back({top - 99 + i});
  array.settle();
  for (uint64_t i = 0; i < 100; ++i) ASSERT_EQ(array.count_at_or_below(top - 99 + i), i + 1);
  EXPECT_EQ(array.count_at_or_below(0), 0u);
}

TEST(SampledArray, UnevenKeysCostOneBlockPerLevel) {
  for (const auto& [size, blocks] : {std::pair<size_t, size_t>{1, 1},
                                     {15, 1},
                                     {33, 2},
                                     {1024, 2},
                                     {1025, 3},
                                     {32768, 3},
                                     {32769, 4}}) {
    Array array;
    for (uint64_t i = 0; i < size; ++i) array.push_back({i * i});
    size_t accesses = 0;
    EXPECT_EQ(array.count_at_or_below(uint64_t{size} * size, &accesses), size);
    EXPECT_EQ(accesses, blocks) << size;
  }
}

TEST(SampledArray, CutsToEverySizeAndGrowsAgain) {
  for (const size_t cut : {0, 1, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 1056, 1057, 2000}) {
    Array array = evens(2000);
    array.drop_back_to(cut);
    ASSERT_EQ(array.size(), cut);
    ASSERT_EQ(array.count_at_or_below(~uint64_t{0}), cut);
    for (size_t size = cut; size < cut + 1100; ++size) array.push_back({10000 + size});
    for (size_t place = 0; place < array.size(); ++place) {
      ASSERT_EQ(array.count_at_or_below(array[place].key), place + 1) << cut << " " << place;
      ASSERT_EQ(array.count_at_or_below(array[place].key - 1), place) << cut << " " << place;
    }
  }
}

TEST(SampledArray, AnswersLikeAScanThroughRandomGrowthAndLoss) {
  std::mt19937_64 random(21);
  for (int round = 0; round < 30; ++round) {
    Array array;
    std::deque<uint64_t> keys;
    uint64_t key = 0;
    for (int step = 0; step < 300; ++step) {
      const auto kind = random() % 10;
      if (kind < 7) {
        for (size_t more = random() % 60; more > 0; --more) {
          key += 1 + random() % (uint64_t{1} << (random() % 40));
          array.push_back({key});
          keys.push_back(key);
        }
      } else if (kind < 9) {
        const size_t count = random() % (keys.size() / 4 + 1);
        array.drop_front(count);
        keys.erase(keys.begin(), keys.begin() + static_cast<ptrdiff_t>(count));
      } else {
        const size_t left = keys.size() - random() % (keys.size() / 4 + 1);
        array.drop_back_to(left);
        keys.resize(left);
        key = keys.empty() ? key : keys.back();
      }
      ASSERT_EQ(array.size(), keys.size());
      for (int probe = 0; probe < 5; ++probe) {
        const uint64_t at = keys.empty() || probe == 0
                                ? random() % (key + 2)
                                : keys[random() % keys.size()] + random() % 3 - 1;
        ASSERT_EQ(array.count_at_or_below(at), scan(keys, at));
      }
    }
  }
}

TEST(SampledArray, DroppingFromTheFrontGivesMemoryBack) {
  Array array;
  for (uint64_t key = 1; key <= 1000000; ++key) {
    array.push_back({key});
    if (array.size() > 100) array.drop_front(1);
  }
  EXPECT_EQ(array.size(), 100u);
  EXPECT_EQ(array[0].key, 999901u);
  EXPECT_LT(array.memory_bytes(), 10000u);
}

}  // namespace
}  // namespace penstock
