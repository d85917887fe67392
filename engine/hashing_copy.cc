#include "engine/hashing_copy.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "io/check.h"

#if defined(__x86_64__)
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#endif

namespace penstock {
namespace {

constexpr size_t kPieceBytes =
    16 << 10;  // half a first-level cache: hashed, then copied while it is there

}  // namespace

void HashingCopy::Free::operator()(XXH3_state_s* state) const { ::XXH3_freeState(state); }

HashingCopy::HashingCopy() : state_(::XXH3_createState()) {
  check(state_ != nullptr);
  begin();
}

void HashingCopy::begin() { check(::XXH3_64bits_reset(state_.get()) == XXH_OK); }

// Stores that go past the cache were tried and cost a seventh of the throughput: the disk's own copy reads the bytes
// soon, and finds them in the cache.
void HashingCopy::copy(std::byte* to, std::span<const std::byte> from) {
  while (!from.empty()) {
    const std::span<const std::byte> piece = from.first(std::min(from.size(), kPieceBytes));
#if defined(__x86_64__)
    check(::XXH3_64bits_update_dispatch(state_.get(), piece.data(), piece.size()) == XXH_OK);
#else
    check(::XXH3_64bits_update(state_.get(), piece.data(), piece.size()) == XXH_OK);
#endif
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
    from = from.subspan(piece.size());
  }
}

uint64_t HashingCopy::hash() const { return ::XXH3_64bits_digest(state_.get()); }

}  // namespace penstock
