#include "tools/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "engine/frame.h"
#include "tools/descriptor_limit.h"
#include "tools/file_system.h"

namespace penstock {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

}  // namespace

uint64_t BenchSettings::round_count() const {
  const uint64_t windows = 1 + (against == "none" ? 0 : 1) + (bare_loop ? 1 : 0);
  return std::max<uint64_t>(1, duration_ms / std::max<uint64_t>(1, windows * window_ms));
}

// An append is under way until its flush is done, a write of fio's until it is written.
uint32_t BenchSettings::appends_under_way() const {
  constexpr uint32_t kPerWrite = 4;
  if (appends != 0) return appends;
  return queue_depth == 1 ? 1 : queue_depth * kPerWrite;
}

std::string size_text(uint64_t bytes) {
  constexpr const char* kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

void add_size_option(const Command& command, const std::string& name, uint64_t& bytes, uint64_t low,
                     uint64_t high, const std::string& description) {
  command.add_option(name, bytes, description)
      .type_name("size")
      .size()
      .between(low, high)
      .default_str(size_text(bytes));
}

void add_window_options(const Command& command, uint64_t& duration_ms, uint64_t& window_ms) {
  command.add_option("--duration", duration_ms, "Of all measured windows together, as 7s.")
      .type_name("time")
      .duration()
      .default_str("7s");
  command.add_option("--window", window_ms, "Of one window, as 500ms; 300ms to 1s.")
      .type_name("time")
      .duration()
      .default_str("500ms");
}

void add_engine_options(const Command& command, BenchSettings& settings) {
  command
      .add_option("--data-dir", settings.data_directory,
                  "The bench's own directory, on the disk to measure: absent, empty, or one that a "
                  "bench has left.")
      .type_name("path")
      .capture_default_str();
  command.add_option("--reactors", settings.reactors, "That many threads, not pinned.")
      .type_name("count")
      .between(1, 1024);
  command
      .add_option("--cores", settings.cores,
                  "One thread pinned to each of these, as 0,1,2. [default: 0]")
      .type_name("list")
      .delimiter(',')
      .excludes("--reactors");
  command.add_option("--io", settings.io, "auto, uring, threads.")
      .type_name("backend")
      .one_of({"auto", "uring", "threads"})
      .capture_default_str();
  command
      .add_option("--poll", settings.poll,
                  "An idle core: adaptive spins briefly, then sleeps; spin; wait.")
      .type_name("mode")
      .one_of({"adaptive", "spin", "wait"})
      .capture_default_str();
  add_size_option(command, "--memory", settings.memory_bytes, 16 * kMiB, kGiB << 10,
                  "Buffers of each thread.");
  command.add_flag("--json", settings.json, "The result as one JSON object.");
}

void add_load_options(const Command& command, BenchSettings& settings) {
  constexpr uint64_t kPayloadBytesMax = (4 << 20) - (16 << 10);
  command.add_option("--partitions", settings.partitions, "Of the topic.")
      .type_name("count")
      .between(1, 100'000)
      .capture_default_str();
  add_size_option(command, "--batch-bytes", settings.batch_bytes, 16, kPayloadBytesMax,
                  "Of one batch, without its frame's header of 72.");
  command
      .add_option("--queue-depth", settings.queue_depth,
                  "Requests of --batch-bytes at the disk at one time, of each thread.")
      .type_name("count")
      .between(1, 65'536)
      .capture_default_str();
  command
      .add_option("--durability", settings.durability, "Of the topic: flushed, written, buffered.")
      .type_name("level")
      .one_of({"flushed", "written", "buffered"})
      .capture_default_str();
}

void add_against_option(const Command& command, BenchSettings& settings,
                        std::vector<std::string> names, const std::string& description) {
  names.emplace_back("none");
  command.add_option("--against", settings.against, description)
      .type_name("what")
      .one_of(names)
      .capture_default_str();
}

void add_bare_loop_option(const Command& command, BenchSettings& settings) {
  command.add_flag("--bare-loop", settings.bare_loop,
                   "Each round also has a window of a loop that does the same work on the same "
                   "core without an engine: what that work costs at least.");
}

std::string wrong_with(const BenchSettings& settings) {
  if (settings.window_ms == 0) return "--window is to be longer than nothing";
  if (settings.duration_ms < settings.window_ms) return "--duration is shorter than one --window";
  const uint64_t under_way = settings.appends_under_way() * settings.batch_bytes;
  if (under_way > settings.memory_bytes / 2) {
    return fmt::format(
        "{} batches of {} bytes under way need more than half of --memory={}: give more of it, or "
        "a smaller --queue-depth",
        settings.appends_under_way(), settings.batch_bytes, settings.memory_bytes);
  }
  return {};
}

BenchNode::Options node_options(const BenchSettings& settings) {
  BenchNode::Options options;
  Reactors::Options& reactors = options.reactors;
  reactors.cores = settings.cores;
  if (settings.cores.empty() && settings.reactors == 0) reactors.cores = {0};
  reactors.reactor_count =
      reactors.cores.empty() ? settings.reactors : static_cast<uint32_t>(reactors.cores.size());
  if (settings.io == "uring") reactors.backend = BackendChoice::uring;
  if (settings.io == "threads") reactors.backend = BackendChoice::threads;
  if (settings.poll == "spin") reactors.poll_mode = PollMode::spin;
  if (settings.poll == "wait") reactors.poll_mode = PollMode::wait;
  reactors.buffer_bytes_per_reactor = settings.memory_bytes;
  constexpr uint64_t kReserve = 128;
  constexpr uint64_t kOpenFilesMax = 1 << 18;
  const uint64_t limit = raise_descriptor_limit();
  const uint64_t each = (limit - std::min(limit / 2, kReserve)) / reactors.reactor_count;
  reactors.open_files_max = static_cast<uint32_t>(std::clamp<uint64_t>(each, 1, kOpenFilesMax));
  reactors.sockets_max = 1;
  options.engine.data_directories = {settings.data_directory + "/engine"};
  options.engine.shared_flush = judge_shared_flush(settings.data_directory).proved;
  options.engine.in_flight_bytes_max =
      settings.queue_depth * block_ceiling(settings.batch_bytes);  // as deep as fio
  options.engine.pool_bytes_max = 64 * kGiB;  // what is recycled is what is measured
  return options;
}

void BenchReporter::report(Severity severity, std::string_view text) {
  if (severity == Severity::info) return;
  fmt::print(stderr, "penstock: {}\n", text);
}

}  // namespace penstock
