// The two checksums of stored bytes (and the one inside lz4 frames), at the speed of the machine they run on.
//
// Both choose their instructions at run time, so the library is built for the plain architecture. Pure functions of
// their bytes: the same result on every machine, callable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock {

// CRC-32C (Castagnoli, reflected, inverted before and after), as Kafka stores it. A result given as `seed` goes on
// where it ended: crc32c(b, crc32c(a)) is the checksum of a followed by b.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t seed = 0);

// XXH3 of 64 bits. Another seed gives an unrelated hash of the same bytes.
uint64_t xxh3_64(std::span<const std::byte> bytes, uint64_t seed = 0);

// XXH32: the checksum of lz4's frame format.
uint32_t xxh32(std::span<const std::byte> bytes);

// XXH3 of 128 bits: two different byte strings never have the same one, by chance.
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};
Hash128 xxh3_128(std::span<const std::byte> bytes, uint64_t seed = 0);

// XXH3 of 64 bits, of pieces one behind the other.
uint64_t xxh3_64_of_pieces(std::span<const std::span<const std::byte>> pieces);

}  // namespace penstock
