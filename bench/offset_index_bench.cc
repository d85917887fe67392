// What does a lookup cost when each depends on the last? Budget: twice a dependent random load from an array of the
// index's bytes, which BM_DependentLoad measures beside it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "index/offset_index.h"

namespace penstock {
namespace {

constexpr uint64_t kFrameBytes = 300 << 10;  // one run each
constexpr uint64_t kFrameRecords = 300;

OffsetIndex index_with_runs(int64_t runs) {
  OffsetIndex::Options options;
  OffsetIndex index(options);
  uint64_t offset = 0;
  uint64_t position = 4096;
  for (int64_t i = 0; i < runs; ++i) {
    (void)index.add({offset}, {offset + kFrameRecords - 1}, position, kFrameBytes);
    offset += kFrameRecords;
    position += kFrameBytes;
  }
  return index;
}

uint64_t next_random(uint64_t state) { return state * 6364136223846793005u + 1442695040888963407u; }

void BM_OffsetIndexFind(benchmark::State& state) {
  const OffsetIndex index = index_with_runs(state.range(0));
  uint64_t random = 1;
  for (auto _ : state) {
    const Offset offset{(random >> 16) % index.next_offset().value};
    random = next_random(random + index.find(offset).value().position);
  }
  benchmark::DoNotOptimize(random);
  state.counters["index_bytes"] = static_cast<double>(index.memory_bytes());
}
BENCHMARK(BM_OffsetIndexFind)->Arg(16)->Arg(1000)->Arg(100'000);

void BM_DependentLoad(benchmark::State& state) {
  const OffsetIndex index = index_with_runs(state.range(0));
  const std::vector<uint64_t> words(index.memory_bytes() / sizeof(uint64_t) + 1, 1);
  uint64_t random = 1;
  for (auto _ : state) random = next_random(random + words[(random >> 16) % words.size()]);
  benchmark::DoNotOptimize(random);
}
BENCHMARK(BM_DependentLoad)->Arg(16)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace penstock
