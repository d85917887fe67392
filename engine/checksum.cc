#include "engine/checksum.h"

#include <isa-l/crc.h>
#define XXH_STATIC_LINKING_ONLY  // the size of a hash under way
#include <xxhash.h>

#include <algorithm>

#include "io/check.h"

#if defined(__x86_64__)
// The plain functions of a packaged libxxhash are SSE2 and run at a tenth of AVX-512's speed. These pick the best at
// run time; they take names of their own here, so that no call changes its meaning by an include.
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#endif

namespace penstock {

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t seed) {
  constexpr size_t kBytesPerCall = size_t{1} << 30;  // ISA-L counts in int
  uint32_t state = ~seed;
  while (!bytes.empty()) {
    const size_t length = std::min(bytes.size(), kBytesPerCall);
    // ISA-L only reads, but its declaration does not say so.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(length), state);
    bytes = bytes.subspan(length);
  }
  return ~state;
}

uint64_t xxh3_64(std::span<const std::byte> bytes, uint64_t seed) {
#if defined(__x86_64__)
  return XXH3_64bits_withSeed_dispatch(bytes.data(), bytes.size(), seed);
#else
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
#endif
}

uint32_t xxh32(std::span<const std::byte> bytes) { return XXH32(bytes.data(), bytes.size(), 0); }

Hash128 xxh3_128(std::span<const std::byte> bytes, uint64_t seed) {
#if defined(__x86_64__)
  const XXH128_hash_t hash = XXH3_128bits_withSeed_dispatch(bytes.data(), bytes.size(), seed);
#else
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
#endif
  return {hash.high64, hash.low64};
}

uint64_t xxh3_64_of_pieces(std::span<const std::span<const std::byte>> pieces) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  check(::XXH3_64bits_reset(&state) == XXH_OK);
  for (const std::span<const std::byte> piece : pieces) {
#if defined(__x86_64__)
    check(XXH3_64bits_update_dispatch(&state, piece.data(), piece.size()) == XXH_OK);
#else
    check(XXH3_64bits_update(&state, piece.data(), piece.size()) == XXH_OK);
#endif
  }
  return XXH3_64bits_digest(&state);
}

}  // namespace penstock
