// `penstock bench recover`: how long after a kill every partition serves again, and whether the amount of data matters.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "tools/bench_children.h"
#include "tools/bench_command.h"
#include "tools/bench_directory.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"
#include "tools/bench_topic.h"
#include "tools/child_process.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"

namespace penstock {
namespace {

struct RecoverSettings : BenchSettings {
  std::string role;
  uint64_t small_bytes = uint64_t{2} << 30;
  uint64_t large_bytes = uint64_t{20} << 30;
  uint64_t rounds = 1;
};

constexpr const char* kTopic = "bench";

// Nothing of the killed process's is left in memory. False: not allowed.
bool drop_caches() {
  const int file = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = write(file, "3", 1) == 1;
  close(file);
  return done;
}

std::unique_ptr<BenchNode> start_node(const RecoverSettings& settings, Reporter& reporter) {
  Result<std::unique_ptr<BenchNode>> node = BenchNode::start(node_options(settings), reporter);
  if (node.ok()) return std::move(node).value();
  complain(fmt::format("the engine cannot start: {}", name_of(node.error())));
  return nullptr;
}

// Appends until it is killed, and tells how much there is.
int run_load(const RecoverSettings& settings) {
  constexpr uint64_t kTellMs = 100;
  BenchReporter reporter;
  const std::unique_ptr<BenchNode> node = start_node(settings, reporter);
  if (!node) return kExitFailed;
  BenchTopic::Options options;
  options.name = kTopic;
  options.partitions = settings.partitions;
  options.durability = settings.durability;
  options.load.queue_depth = settings.appends_under_way();
  options.load.batches.batch_bytes = static_cast<uint32_t>(settings.batch_bytes);
  BenchTopic topic(options, node->reactor_count());
  const Result<void> created = topic.create(*node);
  if (!created.ok()) {
    complain(fmt::format("the topic cannot be made: {}", name_of(created.error())));
    return kExitFailed;
  }
  LatencyHistogram latency;
  while (topic.failure().empty()) {
    (void)topic.append_for(*node, kTellMs, latency);
    fmt::print("bytes {}\n", topic.appended_bytes());
    if (std::fflush(stdout) != 0) return kExitFailed;  // the parent is gone
  }
  complain(topic.failure());
  return kExitFailed;
}

// One reactor's partitions, each asked at its start, its middle and its end, and given a batch.
class Answers {
 public:
  explicit Answers(const RecoverSettings& settings) : settings_(settings) {}

  Task<void> ask_all(Engine& engine) {
    const Topic* const topic = engine.catalog().find(kTopic);
    if (topic == nullptr) {
      failure_ = "the topic is gone";
      co_return;
    }
    TaskGroup tasks;
    for (uint32_t i = 0; i < settings_.queue_depth; ++i) tasks.spawn(ask_some(engine, *topic));
    co_await tasks.wait_empty();
    co_await engine.doors().scheduler.yield();  // the last of them may still be on the stack
  }

  uint32_t count() const { return count_; }
  uint64_t records() const { return records_; }
  const std::string& failure() const { return failure_; }

 private:
  Task<void> ask_some(Engine& engine, const Topic& topic) {
    const uint32_t here = engine.doors().scheduler.reactor_index();
    while (next_ < topic.partition_count && failure_.empty()) {
      const PartitionKey key{topic.id, next_++};
      if (engine.owner_of(key) != here) continue;
      Result<std::shared_ptr<Partition>> partition = engine.local(key);
      if (!partition.ok()) {
        fail(key, "open", partition.error());
        co_return;
      }
      co_await ask(*partition.value());
    }
  }

  Task<void> ask(Partition& partition) {
    const PartitionOffsets offsets = partition.offsets();
    const uint64_t first = offsets.log_start.value;
    const uint64_t end = offsets.high_watermark.value;
    for (const uint64_t offset :
         {first, first + (end - first) / 2, end == first ? first : end - 1}) {
      const Result<ReadResult> result = co_await partition.read({offset}, settings_.batch_bytes);
      if (!result.ok()) {
        fail(partition.key(), fmt::format("read at offset {}", offset), result.error());
        co_return;
      }
      if (offset != end && !is_a_batch(result.value()))
        fail(partition.key(), "compare", Error::corrupt);
    }
    std::vector<std::byte> batch(settings_.batch_bytes);
    BenchBatches::fill(0, batch);
    NewFrame frame;
    frame.kind = FrameKind::opaque;
    frame.payload = batch;
    const Result<AppendResult> appended = co_await partition.append(frame);
    if (!appended.ok()) {
      fail(partition.key(), "append", appended.error());
      co_return;
    }
    ++count_;
    records_ += end - first;
  }

  bool is_a_batch(const ReadResult& result) const {
    return result.size_bytes >= settings_.batch_bytes && !result.slices.empty() &&
           BenchBatches::is_filled(result.slices.front().bytes);
  }
  void fail(const PartitionKey& key, const std::string& what, Error error) {
    failure_ = fmt::format("{} of partition {}: {}", what, key.partition, name_of(error));
  }

  const RecoverSettings& settings_;
  uint32_t next_ = 0;
  uint32_t count_ = 0;
  uint64_t records_ = 0;
  std::string failure_;
};

int run_answer(const RecoverSettings& settings) {
  BenchReporter reporter;
  const std::unique_ptr<BenchNode> node = start_node(settings, reporter);
  if (!node) return kExitFailed;
  std::vector<std::unique_ptr<Answers>> answers;
  for (uint32_t i = 0; i < node->reactor_count(); ++i) {
    answers.push_back(std::make_unique<Answers>(settings));
  }
  node->run_on_all([&answers](Engine& engine) {
    return answers[engine.doors().scheduler.reactor_index()]->ask_all(engine);
  });
  uint32_t count = 0;
  uint64_t records = 0;
  for (const auto& answer : answers) {
    if (!answer->failure().empty()) {
      complain(answer->failure());
      return kExitFailed;
    }
    count += answer->count();
    records += answer->records();
  }
  fmt::print("answered {} {}\n", count, records * settings.batch_bytes);
  (void)std::fflush(stdout);
  return kExitDone;
}

struct Recovery {
  double seconds = 0;
  uint64_t bytes = 0;  // in the log
};

// One kill and what follows. Nothing: it failed, and it was said why.
std::optional<Recovery> measure_recovery(const RecoverSettings& settings, uint64_t bytes,
                                         bool& caches_dropped) {
  if (const auto wrong = prepare_bench_directory(settings.data_directory)) {
    complain(*wrong);
    return std::nullopt;
  }
  constexpr std::chrono::milliseconds kUntilUnderWay(30);
  {
    auto load = ChildProcess::start(role_arguments("recover", "load", settings));
    uint64_t there = 0;
    while (load.ok() && there < bytes) {
      const std::optional<std::string> line = load.value()->read_line();
      if (!line || !line->starts_with("bytes ")) break;
      (void)std::from_chars(line->data() + 6, line->data() + line->size(), there);
    }
    if (there < bytes) {
      complain("the load ended by itself");
      return std::nullopt;
    }
    std::this_thread::sleep_for(kUntilUnderWay);
    load.value()->kill();
  }
  caches_dropped = drop_caches() && caches_dropped;
  Recovery recovery;
  const double began = monotonic_seconds();
  auto answer = ChildProcess::start(role_arguments("recover", "answer", settings));
  const std::optional<std::string> line = answer.ok() ? answer.value()->read_line() : std::nullopt;
  recovery.seconds = monotonic_seconds() - began;
  uint32_t partitions = 0;
  if (!line || std::sscanf(line->c_str(), "answered %u %lu", &partitions, &recovery.bytes) != 2 ||
      partitions != settings.partitions || answer.value()->wait() != kExitDone) {
    complain("not every partition has answered");
    return std::nullopt;
  }
  return recovery;
}

int run_recover(const RecoverSettings& settings) {
  BenchResult result("recover");
  bool caches_dropped = true;
  std::vector<double> small_seconds;
  std::vector<double> large_seconds;
  nlohmann::ordered_json& extra = result.extra();
  for (uint64_t round = 0; round < settings.rounds; ++round) {
    const auto small = measure_recovery(settings, settings.small_bytes, caches_dropped);
    const auto large =
        small ? measure_recovery(settings, settings.large_bytes, caches_dropped) : std::nullopt;
    remove_bench_directory(settings.data_directory);
    if (!large) return kExitFailed;
    result.add_round(large->seconds, small->seconds);
    result.add_window({large->bytes, settings.partitions, large->seconds, 0});
    for (const Recovery& recovery : {*small, *large}) {
      result.latency().record(static_cast<uint64_t>(recovery.seconds * 1e9));
    }
    small_seconds.push_back(small->seconds);
    large_seconds.push_back(large->seconds);
    extra["small_log_bytes"] = small->bytes;
    extra["large_log_bytes"] = large->bytes;
  }
  if (!caches_dropped) result.add_invalid("page caches cannot be dropped: run it as root");
  extra["small_seconds"] = median_of(small_seconds);
  extra["large_seconds"] = median_of(large_seconds);
  extra["ratio_of"] = "seconds from exec until every partition has answered, large and small";
  extra["verified"] = "a batch at the start, the middle and the end of every partition";
  extra["partitions"] = settings.partitions;
  result.print(settings.json);
  return kExitDone;
}

}  // namespace

void add_bench_recover(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<RecoverSettings>();
  settings->partitions = 1000;
  settings->batch_bytes = 64 << 10;
  settings->queue_depth = 32;
  const Command command = bench.add_command(
      "recover",
      "Kills an engine under load, drops the page caches, and times the next one from its exec "
      "until every\n"
      "partition has answered a read at its start, middle and end, and taken an append.");
  add_engine_options(command, *settings);
  add_load_options(command, *settings);
  constexpr uint64_t kMiB = 1 << 20;
  add_size_option(command, "--small-bytes", settings->small_bytes, kMiB, kMiB << 24,
                  "In the log at the first kill.");
  add_size_option(command, "--large-bytes", settings->large_bytes, kMiB, kMiB << 24,
                  "In the log at the second.");
  command.add_option("--rounds", settings->rounds, "Of both kills.")
      .type_name("count")
      .between(1, 100)
      .capture_default_str();
  command
      .add_option("--role", settings->role,
                  "What the processes that this command starts do: load, answer.")
      .type_name("role")
      .one_of({"load", "answer"});
  command.callback([settings, &chosen] {
    chosen = [settings] {
      if (const std::string wrong = wrong_with(*settings); !wrong.empty()) {
        complain(wrong);
        return kExitUsage;
      }
      if (settings->role == "load") return run_load(*settings);
      if (settings->role == "answer") return run_answer(*settings);
      return run_recover(*settings);
    };
  });
}

}  // namespace penstock
