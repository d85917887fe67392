#include "engine/key_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace penstock {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class KeyMapTest : public testing::Test {
 protected:
  BufferArena arena_{{.size_bytes = 8 << 20, .huge_pages = false}};
  BufferPool pool_{arena_.bytes()};
};

TEST_F(KeyMapTest, KnowsTheLastOffsetOfEachKey) {
  KeyMap keys(17);
  keys.add_block(pool_.allocate(64 << 10).value());
  keys.add_block(pool_.allocate(64 << 10).value());
  std::mt19937_64 random(1);
  std::map<std::string, uint64_t> expected;
  for (uint64_t offset = 0; offset < 10'000; ++offset) {
    const std::string key = std::to_string(random() % 3'000);
    ASSERT_TRUE(keys.put(bytes_of(key), Offset{offset}));
    expected[key] = offset;
  }
  for (const auto& [key, offset] : expected) {
    EXPECT_EQ(keys.find(bytes_of(key)), Offset{offset}) << key;
  }
  EXPECT_EQ(keys.key_count(), expected.size());
  EXPECT_EQ(keys.find(bytes_of("none")), std::nullopt);
  const std::string empty;
  EXPECT_EQ(keys.find(bytes_of(empty)), std::nullopt);
  ASSERT_TRUE(keys.put(bytes_of(empty), Offset{0}));
  EXPECT_EQ(keys.find(bytes_of(empty)), Offset{0});
}

TEST_F(KeyMapTest, IsFullAtItsBoundAndStillFindsWhatItHas) {
  KeyMap keys(18);
  keys.add_block(pool_.allocate(16 << 10).value());
  uint64_t count = 0;
  while (keys.put(bytes_of(std::to_string(count)), Offset{count})) ++count;
  EXPECT_GE(count, (16u << 10) / 24 * 3 / 4);
  EXPECT_LT(count, (16u << 10) / 24);
  EXPECT_GE(KeyMap::bytes_for(count), 16u << 10);
  for (uint64_t i = 0; i < count; ++i) {
    EXPECT_EQ(keys.find(bytes_of(std::to_string(i))), Offset{i});
  }
  EXPECT_EQ(keys.find(bytes_of(std::to_string(count))), std::nullopt);
  EXPECT_TRUE(keys.put(bytes_of("0"), Offset{count}));  // one that is in it
  EXPECT_EQ(keys.find(bytes_of("0")), Offset{count});
}

}  // namespace
}  // namespace penstock
