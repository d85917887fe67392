// `penstock bench memory`: what an idle partition costs.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

#include "engine/segment_header.h"
#include "tools/bench_children.h"
#include "tools/bench_command.h"
#include "tools/bench_directory.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"
#include "tools/bench_topic.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"

namespace penstock {
namespace {

struct MemorySettings : BenchSettings {
  std::string role;
  uint64_t idle_ms = 30'000;
};

constexpr uint64_t kRecordsEach = 10;
constexpr uint64_t kRecordsUntilRoll = 6;

uint64_t resident_bytes() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;  // the second number
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::unique_ptr<BenchNode> start_node(const MemorySettings& settings, Reporter& reporter) {
  Result<std::unique_ptr<BenchNode>> node = BenchNode::start(node_options(settings), reporter);
  if (node.ok()) return std::move(node).value();
  complain(fmt::format("the engine cannot start: {}", name_of(node.error())));
  return nullptr;
}

// Ten records to each partition, its log rolled once on the way.
int run_fill(const MemorySettings& settings) {
  BenchReporter reporter;
  const std::unique_ptr<BenchNode> node = start_node(settings, reporter);
  if (!node) return kExitFailed;
  BenchTopic::Options options;
  options.partitions = settings.partitions;
  options.durability = settings.durability;
  options.segment_bytes =
      kSegmentHeaderBytes + kRecordsUntilRoll * FrameHeader::frame_bytes_of(settings.batch_bytes);
  options.load.queue_depth = settings.queue_depth;
  options.load.batches.batch_bytes = static_cast<uint32_t>(settings.batch_bytes);
  BenchTopic topic(options, node->reactor_count());
  const Result<void> created = topic.create(*node);
  if (!created.ok()) {
    complain(fmt::format("the topic cannot be made: {}", name_of(created.error())));
    return kExitFailed;
  }
  topic.append_bytes(*node, kRecordsEach * settings.partitions * settings.batch_bytes);
  topic.verify(*node);
  if (!topic.failure().empty()) {
    complain(topic.failure());
    return kExitFailed;
  }
  fmt::print("verified {}\n", topic.verified_bytes());
  return kExitDone;
}

int run_idle(const MemorySettings& settings) {
  BenchReporter reporter;
  const std::unique_ptr<BenchNode> node = start_node(settings, reporter);
  if (!node) return kExitFailed;
  const double cpu_began = process_cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(settings.idle_ms));
  fmt::print("resident {} {}\n", resident_bytes(), process_cpu_seconds() - cpu_began);
  return kExitDone;
}

struct IdleNode {
  uint64_t resident_bytes = 0;
  double cpu_seconds = 0;
  uint64_t verified_bytes = 0;
};

std::optional<IdleNode> measure_idle(const MemorySettings& settings) {
  if (const auto wrong = prepare_bench_directory(settings.data_directory)) {
    complain(*wrong);
    return std::nullopt;
  }
  IdleNode node;
  const auto verified = run_role(role_arguments("memory", "fill", settings), "verified");
  if (!verified) return std::nullopt;
  (void)std::from_chars(verified->data(), verified->data() + verified->size(), node.verified_bytes);
  std::vector<std::string> arguments = role_arguments("memory", "idle", settings);
  arguments.push_back(fmt::format("--idle={}ms", settings.idle_ms));
  const auto resident = run_role(arguments, "resident");
  if (!resident ||
      std::sscanf(resident->c_str(), "%lu %lf", &node.resident_bytes, &node.cpu_seconds) != 2) {
    return std::nullopt;
  }
  return node;
}

int run_memory(const MemorySettings& settings) {
  BenchResult result("memory");
  MemorySettings one = settings;
  one.partitions = 1;
  const std::optional<IdleNode> few = measure_idle(one);
  const std::optional<IdleNode> many = few ? measure_idle(settings) : std::nullopt;
  remove_bench_directory(settings.data_directory);
  if (!many) {
    complain("a process of the bench has failed");
    return kExitFailed;
  }
  const double seconds = static_cast<double>(settings.idle_ms) / 1e3;
  result.add_window({0, settings.partitions, seconds, many->cpu_seconds});
  nlohmann::ordered_json& extra = result.extra();
  extra["partitions"] = settings.partitions;
  extra["bytes_per_partition"] =
      (static_cast<double>(many->resident_bytes) - static_cast<double>(few->resident_bytes)) /
      (settings.partitions - 1);
  extra["resident_bytes"] = many->resident_bytes;
  extra["resident_bytes_with_one"] = few->resident_bytes;
  extra["idle_cpu_fraction"] = many->cpu_seconds / seconds;
  extra["verified_bytes"] = many->verified_bytes;
  extra["verified"] = "every byte, before the restart";
  result.print(settings.json);
  return kExitDone;
}

}  // namespace

void add_bench_memory(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<MemorySettings>();
  settings->partitions = 10'000;
  settings->batch_bytes = 1 << 10;
  settings->queue_depth = 64;
  settings->memory_bytes = 64 << 20;
  const Command command = bench.add_command(
      "memory",
      "Resident memory of an idle partition: each has taken ten records, has rolled its log once,\n"
      "and the engine was restarted; beside that of an engine with one.");
  add_engine_options(command, *settings);
  add_load_options(command, *settings);
  command.add_option("--idle", settings->idle_ms, "Before memory is looked at, as 30s.")
      .type_name("time")
      .duration()
      .default_str("30s");
  command
      .add_option("--role", settings->role,
                  "What the processes that this command starts do: fill, idle.")
      .type_name("role")
      .one_of({"fill", "idle"});
  command.callback([settings, &chosen] {
    chosen = [settings] {
      if (settings->role == "fill") return run_fill(*settings);
      if (settings->role == "idle") return run_idle(*settings);
      const std::string wrong =
          settings->partitions < 2 ? "--partitions is to be two at least" : wrong_with(*settings);
      if (!wrong.empty()) {
        complain(wrong);
        return kExitUsage;
      }
      return run_memory(*settings);
    };
  });
}

}  // namespace penstock
