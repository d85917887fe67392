#include "engine/stream_copy.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "io/check.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#endif

namespace penstock {
namespace {

constexpr size_t kStreamBytesMin = 16 << 10;  // smaller pieces stay in the cache, which costs less
constexpr size_t kPieceBytes =
    16 << 10;  // half of a first-level cache: hashed, then copied while it is there

}  // namespace

void stream_copy(std::byte* to, std::span<const std::byte> from) {
#if defined(__x86_64__)
  constexpr size_t kLineBytes = 64;
  if (from.size() >= kStreamBytesMin) {
    const size_t misaligned = reinterpret_cast<uintptr_t>(to) % kLineBytes;
    const size_t head = misaligned == 0 ? 0 : kLineBytes - misaligned;
    std::memcpy(to, from.data(), head);
    to += head;
    from = from.subspan(head);
    const size_t lines = from.size() / kLineBytes;
    const auto* source = reinterpret_cast<const __m128i*>(from.data());
    auto* target = reinterpret_cast<__m128i*>(to);
    for (size_t line = 0; line < lines; ++line, source += 4, target += 4) {
      const __m128i a = _mm_loadu_si128(source);
      const __m128i b = _mm_loadu_si128(source + 1);
      const __m128i c = _mm_loadu_si128(source + 2);
      const __m128i d = _mm_loadu_si128(source + 3);
      _mm_stream_si128(target, a);
      _mm_stream_si128(target + 1, b);
      _mm_stream_si128(target + 2, c);
      _mm_stream_si128(target + 3, d);
    }
    _mm_sfence();  // the kernel and other cores see it in order
    to += lines * kLineBytes;
    from = from.subspan(lines * kLineBytes);
  }
#endif
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

void HashingCopy::Free::operator()(XXH3_state_s* state) const { ::XXH3_freeState(state); }

HashingCopy::HashingCopy() : state_(::XXH3_createState()) {
  check(state_ != nullptr);
  begin();
}

void HashingCopy::begin() { check(::XXH3_64bits_reset(state_.get()) == XXH_OK); }

void HashingCopy::copy(std::byte* to, std::span<const std::byte> from) {
  while (!from.empty()) {
    const std::span<const std::byte> piece = from.first(std::min(from.size(), kPieceBytes));
#if defined(__x86_64__)
    check(XXH3_64bits_update_dispatch(state_.get(), piece.data(), piece.size()) == XXH_OK);
#else
    check(XXH3_64bits_update(state_.get(), piece.data(), piece.size()) == XXH_OK);
#endif
    stream_copy(to, piece);
    to += piece.size();
    from = from.subspan(piece.size());
  }
}

uint64_t HashingCopy::hash() const { return XXH3_64bits_digest(state_.get()); }

}  // namespace penstock
