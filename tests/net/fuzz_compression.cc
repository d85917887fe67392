// Fuzz target: a compressed block of records, as from a peer, whose first byte names the codec. What is unpacked stays
// within its budget; any bytes packed come back the same.
//
// Built with -Dfuzz=true and clang.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/compression.h"
#include "io/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock;
  if (size == 0) return 0;
  constexpr size_t kBudgetBytes = 256 << 10;
  static Decompressor decompressor;  // kept, as a reactor keeps its
  static Compressor compressor;
  const auto codec = static_cast<Codec>(1 + data[0] % 4);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const auto unpacked = decompressor.decompress(codec, bytes, kBudgetBytes);
  if (unpacked.ok()) check(unpacked.value().size() <= kBudgetBytes);

  std::vector<std::byte> packed;
  check(compressor.compress(codec, data[0] % 10, bytes, packed).ok());
  const auto again = decompressor.decompress(codec, packed, bytes.size());
  check(again.ok());
  check(std::ranges::equal(again.value(), bytes));
  return 0;
}
