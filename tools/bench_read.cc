// `penstock bench read`: how fast a log comes back from the disk.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "tools/bench_bare_loop.h"
#include "tools/bench_command.h"
#include "tools/bench_directory.h"
#include "tools/bench_fio.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"
#include "tools/bench_topic.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/huge_pages.h"

namespace penstock {
namespace {

struct ReadSettings : BenchSettings {
  uint64_t read_bytes = 256 << 10;
  bool plant_difference = false;
};

class ReadBench {
 public:
  explicit ReadBench(const ReadSettings& settings)
      : settings_(settings), result_("read"), options_(node_options(settings)) {}

  int run();

 private:
  bool start();
  bool write_log();
  bool measure_rounds();
  bool compare(double engine_rate);
  bool verify();
  void describe();
  FioReference fio() const;
  static bool failed(const std::string& text) {
    if (!text.empty()) complain(text);
    return !text.empty();
  }

  const ReadSettings& settings_;
  BenchReporter reporter_;
  BenchResult result_;
  BenchNode::Options options_;
  std::unique_ptr<BenchTopic> topic_;
  std::unique_ptr<BenchNode> node_;
  std::unique_ptr<BenchBareLoop> bare_loop_;  // --bare-loop
};

int ReadBench::run() {
  if (const auto wrong = prepare_bench_directory(settings_.data_directory)) {
    complain(*wrong);
    return kExitFailed;
  }
  const bool done = write_log() && measure_rounds() && verify();
  if (done) describe();
  node_.reset();
  remove_bench_directory(settings_.data_directory);
  if (!done) return kExitFailed;
  result_.print(settings_.json);
  return kExitDone;
}

bool ReadBench::start() {
  Result<std::unique_ptr<BenchNode>> node = BenchNode::start(options_, reporter_);
  if (!node.ok()) return !failed(fmt::format("the engine cannot start: {}", name_of(node.error())));
  node_ = std::move(node).value();
  return true;
}

// An engine of its own writes it, so that the one that reads has nothing in memory.
bool ReadBench::write_log() {
  if (!start()) return false;
  BenchTopic::Options options;
  options.partitions = settings_.partitions;
  options.durability = settings_.durability;
  options.load.queue_depth = settings_.queue_depth;
  options.load.plant_difference = settings_.plant_difference;
  options.load.batches.batch_bytes = static_cast<uint32_t>(settings_.batch_bytes);
  topic_ = std::make_unique<BenchTopic>(options, node_->reactor_count());
  const Result<void> created = topic_->create(*node_);
  if (!created.ok()) {
    return !failed(fmt::format("the topic cannot be made: {}", name_of(created.error())));
  }
  topic_->append_bytes(*node_, settings_.log_bytes);
  if (failed(topic_->failure())) return false;
  node_.reset();
  return start();
}

FioReference ReadBench::fio() const {
  FioReference::Options options;
  options.pattern = FioReference::Pattern::read;
  options.file = settings_.data_directory + "/fio-reference";
  options.file_bytes = settings_.log_bytes;
  options.block_bytes = block_ceiling(std::max(settings_.read_bytes, settings_.batch_bytes));
  options.depth = settings_.queue_depth;
  options.core = settings_.cores.empty() ? 0 : settings_.cores.front();
  options.huge_pages = node_->reactors().buffers_in_huge_pages();
  options.window_ms = settings_.window_ms;
  return FioReference(options);
}

bool ReadBench::measure_rounds() {
  if (settings_.against == "fio") {
    node_->park();
    const std::optional<std::string> wrong = fio().lay_out();
    node_->unpark();
    if (wrong) return !failed(*wrong);
  }
  if (settings_.bare_loop) {
    bare_loop_ = std::make_unique<BenchBareLoop>(
        BenchBareLoop::Work::read, settings_, std::max(settings_.read_bytes, settings_.batch_bytes),
        *node_, reporter_);
    if (failed(bare_loop_->lay_out())) return false;
  }
  for (uint64_t round = 0; round < settings_.round_count(); ++round) {
    const BenchWindow window =
        topic_->read_for(*node_, settings_.window_ms, settings_.read_bytes, result_.latency());
    if (failed(topic_->failure())) return false;
    result_.add_window(window);
    if (settings_.against == "fio" && !compare(window.bytes_per_second())) return false;
    if (bare_loop_ && failed(bare_loop_->measure(result_))) return false;
  }
  result_.check_rounds(settings_.window_ms);
  return true;
}

bool ReadBench::compare(double engine_rate) {
  std::string wrong;
  node_->park();
  const std::optional<double> rate = fio().run(wrong);
  node_->unpark();
  if (!rate) return !failed(wrong);
  result_.add_round(engine_rate, *rate);
  result_.add_reference_rate(*rate);
  return true;
}

bool ReadBench::verify() {
  topic_->verify(*node_);
  return !failed(topic_->failure());
}

void ReadBench::describe() {
  const bool huge_pages = node_->reactors().buffers_in_huge_pages();
  nlohmann::ordered_json& extra = result_.extra();
  if (settings_.against == "fio") extra["reference_command"] = fio().command();
  if (bare_loop_) extra["bare_loop"] = bare_loop_->description();
  extra["log_bytes"] = topic_->appended_bytes();
  extra["verified_bytes"] = topic_->verified_bytes();
  extra["verified"] =
      "the first 64 bytes of each read in the windows; every byte of the log after them";
  extra["read_bytes"] = settings_.read_bytes;
  extra["payload_bytes"] = topic_->payload_bytes();
  extra["partitions"] = settings_.partitions;
  extra["queue_depth"] = settings_.queue_depth;
  extra["io"] = node_->reactors().backend_name();
  extra["poll"] = settings_.poll;
  extra["huge_pages"] = huge_pages;
  if (!huge_pages) {
    extra["more_huge_pages"] =
        huge_pages_command(settings_.memory_bytes * options_.reactors.reactor_count);
  }
}

std::string wrong_with_read(const ReadSettings& settings) {
  if (settings.log_bytes < 2 * settings.memory_bytes) {
    return fmt::format(
        "a log of {} bytes would stay in --memory={}: at least twice as much is needed",
        settings.log_bytes, settings.memory_bytes);
  }
  std::string wrong =
      BenchBareLoop::wrong_with(settings, std::max(settings.read_bytes, settings.batch_bytes));
  return wrong.empty() ? wrong_with(settings) : wrong;
}

}  // namespace

void add_bench_read(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<ReadSettings>();
  const Command command = bench.add_command(
      "read",
      "Writes a log, starts anew, and reads it in order: cold, from the disk.\n"
      "Each round is one window of the engine and one of what it is compared with.");
  add_engine_options(command, *settings);
  add_window_options(command, settings->duration_ms, settings->window_ms);
  add_load_options(command, *settings);
  add_against_option(command, *settings, {"fio"}, "fio reading a file of the same size; none.");
  add_bare_loop_option(command, *settings);
  add_size_option(command, "--log-bytes", settings->log_bytes, uint64_t{1} << 20, uint64_t{1} << 40,
                  "Of the log.");
  add_size_option(command, "--read-bytes", settings->read_bytes, uint64_t{1} << 10,
                  uint64_t{64} << 20, "Asked for by one read; whole batches.");
  command.add_flag("--plant-difference", settings->plant_difference,
                   "Expects something else than was written: the run must fail.");
  command.callback([settings, &chosen] {
    chosen = [settings] {
      if (const std::string wrong = wrong_with_read(*settings); !wrong.empty()) {
        complain(wrong);
        return kExitUsage;
      }
      return ReadBench(*settings).run();
    };
  });
}

}  // namespace penstock
