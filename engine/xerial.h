// The framing of snappy blocks that Java clients use, and others after them. (The form: compression.h.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace penstock {

inline constexpr std::array<unsigned char, 8> kXerialMagic = {0x82, 'S', 'N', 'A',
                                                              'P',  'P', 'Y', 0};
inline constexpr size_t kXerialHeaderBytes = kXerialMagic.size() + 2 * sizeof(uint32_t);
inline constexpr size_t kXerialLengthBytes = sizeof(uint32_t);
inline constexpr uint32_t kXerialVersion = 1;

inline uint32_t load_big_endian(std::span<const std::byte> bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return __builtin_bswap32(value);
}

inline bool begins_with_xerial_magic(std::span<const std::byte> bytes) {
  return bytes.size() >= kXerialMagic.size() &&
         std::memcmp(bytes.data(), kXerialMagic.data(), kXerialMagic.size()) == 0;
}

// Of bytes that begin with the magic. Some clients write rubbish for the oldest compatible version, which no reader
// looks at.
inline bool is_xerial_header(std::span<const std::byte> bytes) {
  return bytes.size() >= kXerialHeaderBytes &&
         static_cast<int32_t>(load_big_endian(bytes, kXerialMagic.size())) >=
             static_cast<int32_t>(kXerialVersion);
}

// The length in front of a block that is all there.
inline std::optional<uint32_t> xerial_block_length(std::span<const std::byte> bytes) {
  if (bytes.size() < kXerialLengthBytes) return std::nullopt;
  const uint32_t length = load_big_endian(bytes, 0);
  if (length > bytes.size() - kXerialLengthBytes) return std::nullopt;
  return length;
}

}  // namespace penstock
