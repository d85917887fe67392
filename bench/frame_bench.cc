// What does a frame's header cost to make and to check? Budget: 50 ns each, small beside the write of any frame.
#include <benchmark/benchmark.h>

#include <array>

#include "engine/frame.h"

namespace penstock {
namespace {

void BM_FrameHeaderEncode(benchmark::State& state) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  FrameHeader header;
  uint64_t seed = 1;
  for (auto _ : state) {
    header.base_offset = {seed};
    encode_frame_header(header, ++seed, bytes.data());
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(BM_FrameHeaderEncode);

void BM_FrameHeaderDecode(benchmark::State& state) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode_frame_header(FrameHeader{}, 1, bytes.data());
  for (auto _ : state) {
    const auto header = decode_frame_header(bytes.data(), 1);
    benchmark::DoNotOptimize(header);
  }
}
BENCHMARK(BM_FrameHeaderDecode);

}  // namespace
}  // namespace penstock
