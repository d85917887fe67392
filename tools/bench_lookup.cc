// `penstock bench lookup`: what it costs to find an offset, whatever the amount of data.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/frame.h"
#include "index/offset_index.h"
#include "index/segment_map.h"
#include "tools/bench_command.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"

namespace penstock {
namespace {

struct LookupSettings {
  uint64_t records = 1'000'000'000;
  uint64_t segments = 10'000;
  uint64_t record_bytes = 1 << 10;
  uint64_t batch_bytes = 64 << 10;
  uint64_t duration_ms = 7000;
  uint64_t window_ms = 500;
  bool json = false;
};

// A partition's way from an offset to a position, without its files.
class LookupIndex {
 public:
  explicit LookupIndex(const LookupSettings& settings) {
    const uint64_t records_each = settings.records / settings.segments;
    const uint64_t records_per_batch =
        std::max<uint64_t>(1, settings.batch_bytes / settings.record_bytes);
    uint64_t offset = 0;
    for (uint64_t i = 0; i < settings.segments; ++i) {
      OffsetIndex::Options options;
      options.base_offset = {offset};
      segments_.push_back({offset});
      indexes_.emplace_back(options);
      uint64_t position = kDiskBlockBytes;
      for (const uint64_t end = offset + records_each; offset < end;) {
        const uint64_t count = std::min(records_per_batch, end - offset);
        const uint64_t frame_bytes = FrameHeader::frame_bytes_of(count * settings.record_bytes);
        (void)indexes_.back().add({offset}, {offset + count - 1}, position, frame_bytes);
        offset += count;
        position += frame_bytes;
      }
      indexes_.back().settle();
    }
    record_count_ = offset;
  }

  uint64_t record_count() const { return record_count_; }
  uint64_t memory_bytes() const {
    uint64_t bytes = segments_.memory_bytes() + indexes_.capacity() * sizeof(OffsetIndex);
    for (const OffsetIndex& index : indexes_) bytes += index.memory_bytes();
    return bytes;
  }
  uint64_t find(uint64_t offset, size_t* accesses = nullptr) const {
    const size_t place = segments_.find({offset}, accesses).value_or(0);
    const Result<OffsetIndex::Range> range = indexes_[place].find({offset}, accesses);
    return range.ok() ? range.value().position + place : 0;
  }

 private:
  SegmentMap segments_;
  std::vector<OffsetIndex> indexes_;
  uint64_t record_count_ = 0;
};

uint64_t next_random(uint64_t state) { return state * 6364136223846793005u + 1442695040888963407u; }

// The high bits, spread over `count` below 2^32: no division, which would cost as much as a load.
uint64_t spread(uint64_t random, uint64_t count) { return ((random >> 32) * count) >> 32; }

constexpr uint64_t kStepsBetweenLooks = 4096;

// Seconds of one step, over one window. `step` makes the next random number of the last one and what it found.
template <class Step>
double measure(uint64_t window_ms, uint64_t& random, Step step, BenchWindow& window) {
  const double cpu_began = process_cpu_seconds();
  const double began = monotonic_seconds();
  double now = began;
  uint64_t count = 0;
  while (now - began < static_cast<double>(window_ms) / 1e3) {
    for (uint64_t i = 0; i < kStepsBetweenLooks; ++i) random = step(random);
    count += kStepsBetweenLooks;
    now = monotonic_seconds();
  }
  window.operations = count;
  window.seconds = now - began;
  window.cpu_seconds = process_cpu_seconds() - cpu_began;
  return window.seconds / static_cast<double>(count);
}

void count_accesses(const LookupIndex& index, nlohmann::ordered_json& extra) {
  constexpr uint64_t kSamples = 100'000;
  uint64_t random = 7;
  size_t most = 0;
  uint64_t total = 0;
  for (uint64_t i = 0; i < kSamples; ++i) {
    random = next_random(random);
    size_t accesses = 0;
    (void)index.find(spread(random, index.record_count()), &accesses);
    most = std::max(most, accesses);
    total += accesses;
  }
  extra["accesses_max"] = most;
  extra["accesses_mean"] = static_cast<double>(total) / kSamples;
}

int run_lookup(const LookupSettings& settings) {
  const LookupIndex index(settings);
  const std::vector<uint64_t> words(index.memory_bytes() / sizeof(uint64_t) + 1, 1);
  BenchResult result("lookup");
  BenchWindow window;
  BenchWindow reference;
  uint64_t random = 1;
  const uint64_t rounds = std::max<uint64_t>(1, settings.duration_ms / (2 * settings.window_ms));
  std::vector<double> lookups;
  std::vector<double> loads;
  for (uint64_t round = 0; round < rounds; ++round) {
    lookups.push_back(measure(
        settings.window_ms, random,
        [&index](uint64_t last) {
          return next_random(last + index.find(spread(last, index.record_count())));
        },
        window));
    result.add_window(window);
    result.latency().record(static_cast<uint64_t>(lookups.back() * 1e9), window.operations);
    loads.push_back(measure(
        settings.window_ms, random,
        [&words](uint64_t last) { return next_random(last + words[spread(last, words.size())]); },
        reference));
    result.add_round(lookups.back(), loads.back());
  }
  result.check_rounds(settings.window_ms);
  nlohmann::ordered_json& extra = result.extra();
  extra["ratio_of"] = "seconds of one lookup, and of one dependent random load";
  extra["lookup_ns"] = median_of(lookups) * 1e9;
  extra["load_ns"] = median_of(loads) * 1e9;
  count_accesses(index, extra);
  extra["index_bytes"] = index.memory_bytes();
  extra["records"] = index.record_count();
  extra["segments"] = settings.segments;
  extra["verified"] = random != 0 ? "each lookup depends on the last one's answer" : "";
  result.print(settings.json);
  return kExitDone;
}

}  // namespace

void add_bench_lookup(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<LookupSettings>();
  const Command command = bench.add_command(
      "lookup",
      "Finds random offsets, each depending on the last answer, in the index of a log that was "
      "never\n"
      "written; beside as many dependent random loads from an array of the index's bytes.");
  command.add_option("--records", settings->records, "In all segments together.")
      .type_name("count")
      .between(uint64_t{1}, uint64_t{4'000'000'000})
      .capture_default_str();
  command.add_option("--segments", settings->segments, "Of equal size.")
      .type_name("count")
      .between(1, 1'000'000)
      .capture_default_str();
  add_size_option(command, "--record-bytes", settings->record_bytes, 1, 1 << 20, "Of one record.");
  add_size_option(command, "--batch-bytes", settings->batch_bytes, 1, 1 << 22,
                  "Of one batch of them.");
  add_window_options(command, settings->duration_ms, settings->window_ms);
  command.add_flag("--json", settings->json, "The result as one JSON object.");
  command.callback([settings, &chosen] {
    chosen = [settings] {
      if (settings->window_ms == 0 || settings->segments > settings->records) {
        complain(settings->window_ms == 0 ? "--window is to be longer than nothing"
                                          : "--segments is to be at most --records");
        return kExitUsage;
      }
      return run_lookup(*settings);
    };
  });
}

}  // namespace penstock
