// No heap allocation per record on the append path: counted on the real backend, in steady state.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/record_batch.h"
#include "io/reactor.h"

namespace {

// Of every thread of this process.
std::atomic<uint64_t> allocation_count{0};

void* counted(size_t bytes) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return counted(bytes); }
void* operator new[](size_t bytes) { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace penstock {
namespace {

class Silent : public Reporter {
 public:
  void report(Severity, std::string_view) override {}
};

struct Outcome {
  bool ok = false;
  uint64_t appends = 0;
  uint64_t allocations = 0;
};

constexpr uint32_t kAppendersCount = 8;
constexpr uint32_t kRecordsPerBatch = 10;

std::vector<std::byte> make_batch() {
  RecordBatchBuilder builder({});
  const std::vector<std::byte> value(1000, std::byte{7});
  for (uint32_t i = 0; i < kRecordsPerBatch; ++i) {
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = 1000;
    record.value = std::span<const std::byte>(value);
    builder.add(record);
  }
  return builder.build();
}

Task<void> append_many(Engine& engine, PartitionKey key, std::span<std::byte> batch, int count,
                       uint64_t& done) {
  for (int i = 0; i < count; ++i) {
    const Result<AppendResult> appended = co_await engine.append(key, batch);
    if (!appended.ok()) co_return;
    ++done;
  }
}

// Several appenders at once, so that lone durable writes and shared flushes both happen.
Task<uint64_t> append_together(Engine& engine, PartitionKey key,
                               std::vector<std::vector<std::byte>>& batches, int each) {
  uint64_t done = 0;
  TaskGroup appenders;
  for (std::vector<std::byte>& batch : batches) {
    appenders.spawn(append_many(engine, key, batch, each, done));
  }
  co_await appenders.wait_empty();
  co_await engine.doors().scheduler.yield();
  co_return done;
}

Task<void> measure(Doors& doors, EngineGroup& group, Outcome& outcome) {
  Engine engine(doors, group);
  const Result<void> started = co_await engine.start();
  if (!started.ok()) co_return;
  TopicSpec spec;
  spec.name = "steady";
  const Result<std::shared_ptr<const Topic>> topic = co_await engine.create_topic(std::move(spec));
  if (topic.ok()) {
    const PartitionKey key{topic.value()->id, 0};
    std::vector<std::vector<std::byte>> batches(kAppendersCount, make_batch());
    (void)co_await append_together(engine, key, batches, 200);
    const uint64_t before = allocation_count.load(std::memory_order_relaxed);
    outcome.appends = co_await append_together(engine, key, batches, 500);
    outcome.allocations = allocation_count.load(std::memory_order_relaxed) - before;
    outcome.ok = true;
  }
  co_await engine.stop();
}

// What remains is per segment, per checkpoint and per doubling of an index: none of it grows with the records.
TEST(AppendPath, AllocatesNothingPerRecordInSteadyState) {
  std::string directory = std::filesystem::temp_directory_path() / "penstock-allocation-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  Silent reporter;
  Reactors::Options options;
  options.buffer_bytes_per_reactor = 64 << 20;
  Result<std::unique_ptr<Reactors>> reactors = Reactors::create(options, reporter);
  ASSERT_TRUE(reactors.ok());
  EngineOptions engine_options;
  engine_options.data_directories = {directory};
  engine_options.segment_class_bytes = {256 << 20};  // the measured part lies in one
  EngineGroup group(engine_options, 1);
  Outcome outcome;
  reactors.value()->run([&](Doors& doors) { return measure(doors, group, outcome); });
  std::filesystem::remove_all(directory);

  ASSERT_TRUE(outcome.ok);
  ASSERT_EQ(outcome.appends, kAppendersCount * 500u);
  const double per_record = static_cast<double>(outcome.allocations) /
                            static_cast<double>(outcome.appends * kRecordsPerBatch);
  RecordProperty("allocations", std::to_string(outcome.allocations));
  EXPECT_LT(per_record, 0.002) << outcome.allocations << " allocations";
}

}  // namespace
}  // namespace penstock
