#include "tools/bench_topic.h"

#include <fmt/format.h>

namespace penstock {
namespace {

Task<void> create_topic(Engine& engine, const TopicSpec& spec, Result<void>& outcome) {
  TopicSpec wanted = spec;
  const Result<std::shared_ptr<const Topic>> created =
      co_await engine.create_topic(std::move(wanted));
  if (!created.ok()) outcome = created.error();
}

}  // namespace

BenchTopic::BenchTopic(const Options& options, uint32_t reactor_count) : options_(options) {
  options_.load.topic = options_.name;
  options_.load.reactor_count = reactor_count;
  for (uint32_t i = 0; i < reactor_count; ++i) {
    options_.load.reactor_index = i;
    loads_.push_back(std::make_unique<BenchLoad>(options_.load));
  }
}

BenchLoad& BenchTopic::load_of(const Engine& engine) const {
  return *loads_[const_cast<Engine&>(engine).doors().scheduler.reactor_index()];
}

Result<void> BenchTopic::create(BenchNode& node) const {
  TopicSpec spec;
  spec.name = options_.name;
  spec.partition_count = options_.partitions;
  spec.config_entries["penstock.durability"] = options_.durability;
  spec.config_entries["retention.ms"] = "-1";
  spec.config_entries["segment.bytes"] = fmt::format("{}", options_.segment_bytes);
  spec.config_entries["max.message.bytes"] = fmt::format("{}", kMaxMessageBytesLimit);
  Result<void> outcome;
  node.run(0, [&](Engine& engine) { return create_topic(engine, spec, outcome); });
  return outcome;
}

BenchWindow BenchTopic::measure(BenchNode& node, uint64_t milliseconds, LatencyHistogram& latency,
                                const std::function<Task<void>(Engine&, BenchLoad::Limit)>& work) {
  constexpr uint64_t kNsPerMs = 1'000'000;
  const double cpu_began = process_cpu_seconds();
  const double began = monotonic_seconds();
  node.run_on_all([&work, milliseconds](Engine& engine) {
    BenchLoad::Limit limit;
    limit.deadline_ns = engine.doors().clock.monotonic_ns() + milliseconds * kNsPerMs;
    return work(engine, limit);
  });
  BenchWindow window;
  window.seconds = monotonic_seconds() - began;
  window.cpu_seconds = process_cpu_seconds() - cpu_began;
  for (const auto& load : loads_) {
    const BenchLoad::Counts counts = load->take();
    window.bytes += counts.bytes;
    window.operations += counts.operations;
    window.filling_seconds += static_cast<double>(counts.filling_ns) / 1e9;
    latency.add(counts.latency);
  }
  return window;
}

BenchWindow BenchTopic::append_for(BenchNode& node, uint64_t milliseconds,
                                   LatencyHistogram& latency) {
  const BenchWindow window =
      measure(node, milliseconds, latency, [this](Engine& engine, BenchLoad::Limit limit) {
        return load_of(engine).run(engine, limit);
      });
  appended_bytes_ += window.bytes;
  return window;
}

BenchWindow BenchTopic::read_for(BenchNode& node, uint64_t milliseconds, uint64_t read_bytes,
                                 LatencyHistogram& latency) {
  return measure(node, milliseconds, latency,
                 [this, read_bytes](Engine& engine, BenchLoad::Limit limit) {
                   return load_of(engine).read(engine, limit, read_bytes);
                 });
}

// Not measured: small batches, one at a time, would take minutes to fill the files of a warm log.
void BenchTopic::append_bytes(BenchNode& node, uint64_t bytes) {
  constexpr uint64_t kUnderWayBytes = 4 << 20;
  node.run_on_all([this, bytes](Engine& engine) {
    BenchLoad::Limit limit;
    limit.bytes = bytes / loads_.size();
    limit.under_way_min = static_cast<uint32_t>(kUnderWayBytes / payload_bytes());
    return load_of(engine).run(engine, limit);
  });
  for (const auto& load : loads_) appended_bytes_ += load->take().bytes;
}

void BenchTopic::verify(BenchNode& node) {
  node.run_on_all([this](Engine& engine) { return load_of(engine).verify(engine); });
}

uint64_t BenchTopic::verified_bytes() const {
  uint64_t bytes = 0;
  for (const auto& load : loads_) bytes += load->verified_bytes();
  return bytes;
}

std::string BenchTopic::failure() const {
  for (const auto& load : loads_) {
    if (!load->failure().empty()) return load->failure();
  }
  return {};
}

}  // namespace penstock
