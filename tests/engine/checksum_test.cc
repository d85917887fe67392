#include "engine/checksum.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <random>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::vector<std::byte> random_bytes(size_t length, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(length);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// One bit at a time, straight from the polynomial: slow, and independent of any library.
uint32_t crc32c_bitwise(std::span<const std::byte> bytes) {
  uint32_t state = ~0u;
  for (const std::byte byte : bytes) {
    state ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ (0x82F63B78u & (0u - (state & 1)));
  }
  return ~state;
}

TEST(Checksum, Crc32cGivesThePublishedValues) {
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xFF})), 0x62A8AB43u);
}

TEST(Checksum, Crc32cFollowsItsPolynomialAtEveryLengthAndAlignment) {
  const auto bytes = random_bytes(5000, 1);
  for (size_t length = 0; length <= 1024; ++length) {
    const auto part = std::span(bytes).subspan(length % 67, length);
    ASSERT_EQ(crc32c(part), crc32c_bitwise(part)) << length;
  }
  ASSERT_EQ(crc32c(bytes), crc32c_bitwise(bytes));
}

TEST(Checksum, Crc32cGoesOnWhereItEnded) {
  const auto bytes = random_bytes(3000, 2);
  const uint32_t whole = crc32c(bytes);
  for (size_t cut = 0; cut <= bytes.size(); cut += 37) {
    const auto head = std::span(bytes).first(cut);
    const auto tail = std::span(bytes).subspan(cut);
    ASSERT_EQ(crc32c(tail, crc32c(head)), whole) << cut;
  }
}

TEST(Checksum, Xxh3GivesThePublishedValues) {
  EXPECT_EQ(xxh3_64({}), 0x2D06800538D394C2u);
  EXPECT_NE(xxh3_64({}, 1), xxh3_64({}, 0));
}

TEST(Checksum, Xxh3EqualsThePlainFunctionAtEveryLength) {
  const auto bytes = random_bytes((3 << 20) + 64, 3);
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{0x9E3779B97F4A7C15}}) {
    for (size_t length = 0; length <= 1024; ++length) {
      const auto part = std::span(bytes).subspan(length % 61, length);
      ASSERT_EQ(xxh3_64(part, seed), XXH3_64bits_withSeed(part.data(), part.size(), seed))
          << length;
    }
    for (const size_t length : {size_t{4096}, size_t{65537}, size_t{1} << 20, size_t{3 << 20}}) {
      const auto part = std::span(bytes).subspan(13, length);
      ASSERT_EQ(xxh3_64(part, seed), XXH3_64bits_withSeed(part.data(), part.size(), seed))
          << length;
    }
  }
}

TEST(Checksum, EveryFlippedBitChangesBothSums) {
  auto bytes = random_bytes(300, 4);
  const uint32_t crc = crc32c(bytes);
  const uint64_t hash = xxh3_64(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    bytes[bit / 8] ^= mask;
    ASSERT_NE(crc32c(bytes), crc) << bit;
    ASSERT_NE(xxh3_64(bytes), hash) << bit;
    bytes[bit / 8] ^= mask;
  }
}

}  // namespace
}  // namespace penstock
