// What does a lookup cost when each depends on the last: from an offset among 10^9 records in 10,000 segments to the
// bytes to read? Budget: twice a dependent random load from an array of the index's bytes, which BM_DependentLoad
// measures beside it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "index/offset_index.h"
#include "index/segment_map.h"

namespace penstock {
namespace {

constexpr uint64_t kSegmentRecords = 100'000;

// Below `end`, from the upper half of a product: a division would cost as much as a load.
uint64_t below(uint64_t end, uint64_t random) {
  __extension__ using Product = unsigned __int128;
  return static_cast<uint64_t>((Product{random} * end) >> 64);
}

uint64_t next_random(uint64_t state) { return state * 6364136223846793005u + 1442695040888963407u; }

// What the frames of a segment are like.
enum Mix : int64_t {
  kAlike = 0,      // 64 KiB and 64 records each
  kUneven = 1,     // 4 to 124 KiB
  kMegabytes = 2,  // runs of 1 MiB batches beside runs of tiny ones
  kGaps = 3,       // what compaction left: of a thousand offsets one
};

struct Log {
  SegmentMap map;
  std::vector<OffsetIndex> segments;
  uint64_t next_offset = 0;
  size_t memory_bytes = 0;
};

Log log_of(int64_t segments, int64_t mix) {
  Log log;
  uint64_t random = 7;
  for (int64_t i = 0; i < segments; ++i) {
    OffsetIndex::Options options;
    options.base_offset = {log.next_offset};
    OffsetIndex index(options);
    uint64_t position = 4096;
    for (uint64_t records = 0, frame = 0; records < kSegmentRecords; ++frame) {
      random = next_random(random);
      uint64_t count = 64;
      if (mix == kUneven) count = 4 + (random >> 40) % 120;
      if (mix == kMegabytes) count = frame % 64 < 8 ? 1024 : 4;
      if (mix == kGaps) log.next_offset += (random >> 40) % 127'000;
      (void)index.add({log.next_offset}, {log.next_offset + count - 1}, position, count << 10);
      log.next_offset += count;
      records += count;
      position += count << 10;
    }
    index.settle();
    log.memory_bytes += index.memory_bytes();
    log.map.push_back(options.base_offset);
    log.segments.push_back(std::move(index));
  }
  log.memory_bytes += log.map.memory_bytes();
  return log;
}

void BM_Lookup(benchmark::State& state) {
  const Log log = log_of(state.range(0), state.range(1));
  uint64_t random = 1;
  for (auto _ : state) {
    const Offset offset{below(log.next_offset, random)};
    random =
        next_random(random + log.segments[*log.map.find(offset)].find(offset).value().position);
  }
  benchmark::DoNotOptimize(random);
  size_t accesses = 0;
  constexpr size_t kCounted = 10'000;
  for (size_t i = 0; i < kCounted; ++i) {
    random = next_random(random);
    const Offset offset{below(log.next_offset, random)};
    (void)log.segments[*log.map.find(offset, &accesses)].find(offset, &accesses);
  }
  state.counters["index_bytes"] = static_cast<double>(log.memory_bytes);
  state.counters["accesses"] = static_cast<double>(accesses) / kCounted;
}
BENCHMARK(BM_Lookup)->ArgsProduct({{10, 10'000}, {kAlike, kUneven, kMegabytes, kGaps}});

void BM_DependentLoad(benchmark::State& state) {
  const std::vector<uint64_t> words(static_cast<size_t>(state.range(0)) / sizeof(uint64_t), 1);
  uint64_t random = 1;
  for (auto _ : state) {
    random = next_random(random + words[below(words.size(), random)]);
  }
  benchmark::DoNotOptimize(random);
}
BENCHMARK(BM_DependentLoad)->Arg(32 << 10)->Arg(32 << 20);

}  // namespace
}  // namespace penstock
