// What does it cost to check a producer's batch: header, CRC-32C and every record? Budget: 10 ns per record of 1 KiB
// beyond the CRC.
#include <benchmark/benchmark.h>

#include <vector>

#include "engine/record_batch.h"

namespace penstock {
namespace {

std::vector<std::byte> batch_of(int64_t records, int64_t value_bytes) {
  RecordBatchBuilder builder({});
  const std::vector<std::byte> value(static_cast<size_t>(value_bytes), std::byte{42});
  for (int64_t i = 0; i < records; ++i) {
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = 1000 + i;
    record.value = std::span<const std::byte>(value);
    builder.add(record);
  }
  return builder.build();
}

void parse(benchmark::State& state, const RecordBatch::Rules& rules) {
  const std::vector<std::byte> batch = batch_of(state.range(0), state.range(1));
  for (auto _ : state) {
    const ParsedBatch parsed = RecordBatch::parse(batch, rules);
    benchmark::DoNotOptimize(parsed.ok());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(batch.size()));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_RecordBatchParse(benchmark::State& state) { parse(state, {}); }
BENCHMARK(BM_RecordBatchParse)->Args({64, 1024})->Args({1000, 1024})->Args({1000, 100});

// The CRC and the header alone: what walking the records comes on top of.
void BM_RecordBatchCrc(benchmark::State& state) {
  RecordBatch::Rules rules;
  rules.records = false;
  parse(state, rules);
}
BENCHMARK(BM_RecordBatchCrc)->Args({64, 1024})->Args({1000, 1024})->Args({1000, 100});

}  // namespace
}  // namespace penstock
