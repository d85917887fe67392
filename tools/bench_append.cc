// `penstock bench append`: how much a log takes, and how long one append waits.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "tools/bench_bare_loop.h"
#include "tools/bench_command.h"
#include "tools/bench_directory.h"
#include "tools/bench_fio.h"
#include "tools/bench_lone_write.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"
#include "tools/bench_topic.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/huge_pages.h"

namespace penstock {
namespace {

struct AppendSettings : BenchSettings {
  bool copy = false;
  bool kafka = false;
  bool fresh = false;
  bool plant_difference = false;
  uint64_t segment_bytes = 0;  // 0: what fits
  uint64_t disk_bytes = uint64_t{8} << 30;

  // Where many partitions are written to, each has a few, as from producers that do not wait for each answer.
  uint32_t appends_at_once() const {
    constexpr uint32_t kOfEachPartition = 4;
    if (appends != 0 || partitions <= queue_depth) return appends_under_way();
    return kOfEachPartition * partitions;
  }
};

constexpr uint64_t kClassBytes[] = {256 << 20, 64 << 20, 16 << 20, 4 << 20, 1 << 20};

// The largest class of which every partition may have a few.
uint64_t segment_bytes_for(const AppendSettings& settings, uint32_t partitions) {
  constexpr uint64_t kFilesEach = 4;
  if (settings.segment_bytes != 0) return settings.segment_bytes;
  for (const uint64_t bytes : kClassBytes) {
    if (kFilesEach * bytes * partitions <= settings.disk_bytes) return bytes;
  }
  return kClassBytes[std::size(kClassBytes) - 1];
}

class AppendBench {
 public:
  explicit AppendBench(const AppendSettings& settings)
      : settings_(settings), result_("append"), options_(node_options(settings)) {}

  int run();

 private:
  BenchTopic::Options topic_options(const std::string& name, uint32_t partitions) const;
  bool start(bool fresh_engine);
  bool warm(BenchTopic& topic);
  bool measure_rounds();
  bool measure_window();
  bool compare(double engine_rate, uint64_t engine_p50_ns);
  bool compare_with_fio(double engine_rate);
  bool compare_with_lone_write(uint64_t engine_p50_ns);
  bool verify();
  void describe();
  bool failed(const std::string& text) const {
    if (!text.empty()) complain(text);
    return !text.empty();
  }
  FioReference fio() const;

  const AppendSettings& settings_;
  BenchReporter reporter_;
  BenchResult result_;
  BenchNode::Options options_;
  std::unique_ptr<BenchTopic> topic_;
  std::unique_ptr<BenchTopic> single_;  // --against=one-partition
  std::unique_ptr<BenchLoneWrite> lone_write_;
  std::unique_ptr<BenchBareLoop> bare_loop_;  // --bare-loop
  std::unique_ptr<BenchNode> node_;
  bool huge_pages_ = false;
  std::string backend_;
  uint64_t verified_bytes_ = 0;
  uint64_t appended_bytes_ = 0;
};

BenchTopic::Options AppendBench::topic_options(const std::string& name, uint32_t partitions) const {
  BenchTopic::Options options;
  options.name = name;
  options.partitions = partitions;
  options.durability = settings_.durability;
  options.segment_bytes = segment_bytes_for(settings_, partitions);
  options.load.queue_depth = settings_.appends_at_once();
  options.load.in_place = !settings_.copy;
  options.load.plant_difference = settings_.plant_difference;
  constexpr uint64_t kLiveShare = 4;
  if (!settings_.fresh) {
    options.load.live_bytes_max =
        std::max(options.segment_bytes, settings_.disk_bytes / kLiveShare / partitions);
  }
  BenchBatches::Options& batches = options.load.batches;
  if (settings_.copy) batches.source = BenchBatches::Source::prepared;
  if (settings_.kafka) batches.source = BenchBatches::Source::kafka;
  batches.batch_bytes = static_cast<uint32_t>(settings_.batch_bytes);
  batches.record_bytes = static_cast<uint32_t>(settings_.record_bytes);
  batches.batches_min = 2 * settings_.appends_at_once();  // one under way is not given out again
  return options;
}

FioReference AppendBench::fio() const {
  FioReference::Options options;
  options.pattern =
      settings_.fresh ? FioReference::Pattern::fresh : FioReference::Pattern::overwrite;
  options.file = settings_.data_directory + "/fio-reference";
  options.file_bytes = std::max<uint64_t>(settings_.log_bytes, 2 * settings_.batch_bytes);
  options.block_bytes = block_ceiling(settings_.batch_bytes);
  options.depth = settings_.queue_depth;
  options.core = settings_.cores.empty() ? 0 : settings_.cores.front();
  options.huge_pages = huge_pages_;
  options.window_ms = settings_.window_ms;
  return FioReference(options);
}

int AppendBench::run() {
  if (const auto wrong = prepare_bench_directory(settings_.data_directory)) {
    complain(*wrong);
    return kExitFailed;
  }
  const bool done = start(true) && (settings_.fresh || warm(*topic_)) &&
                    (!single_ || warm(*single_)) && measure_rounds() &&
                    (settings_.fresh || verify());
  node_.reset();
  remove_bench_directory(settings_.data_directory);
  if (!done) return kExitFailed;
  describe();
  result_.print(settings_.json);
  return kExitDone;
}

// Opens the engine; a fresh one has no topics yet.
bool AppendBench::start(bool fresh_engine) {
  Result<std::unique_ptr<BenchNode>> node = BenchNode::start(options_, reporter_);
  if (!node.ok()) return !failed(fmt::format("the engine cannot start: {}", name_of(node.error())));
  node_ = std::move(node).value();
  huge_pages_ = node_->reactors().buffers_in_huge_pages();
  backend_ = node_->reactors().backend_name();
  if (!fresh_engine) return true;
  topic_ = std::make_unique<BenchTopic>(topic_options("bench", settings_.partitions),
                                        node_->reactor_count());
  Result<void> created = topic_->create(*node_);
  if (created.ok() && settings_.against == "one-partition") {
    single_ = std::make_unique<BenchTopic>(topic_options("single", 1), node_->reactor_count());
    created = single_->create(*node_);
  }
  if (!created.ok()) {
    return !failed(fmt::format("the topic cannot be made: {}", name_of(created.error())));
  }
  return true;
}

// Makes the files that the windows will recycle: twice as many bytes as live at one time, so that all partitions are in
// the middle of what they do for ever.
bool AppendBench::warm(BenchTopic& topic) {
  const uint32_t partitions = &topic == single_.get() ? 1 : settings_.partitions;
  const BenchTopic::Options options = topic_options("", partitions);
  topic.append_bytes(
      *node_, uint64_t{2} * partitions * (options.segment_bytes + options.load.live_bytes_max));
  return !failed(topic.failure());
}

bool AppendBench::measure_rounds() {
  if (settings_.against == "fio") {
    node_->park();
    const std::optional<std::string> wrong = fio().lay_out();
    node_->unpark();
    if (wrong) return !failed(*wrong);
  }
  if (settings_.against == "dsync") {
    constexpr uint64_t kFileBytes = 64 << 20;
    const std::string path = settings_.data_directory + "/lone-writes";
    lone_write_ = std::make_unique<BenchLoneWrite>(path, kFileBytes);
    Result<void> outcome;
    node_->run(0, [&](Engine& engine) -> Task<void> {
      outcome = co_await lay_out_bench_file(engine.doors(), path, kFileBytes);
    });
    if (!outcome.ok()) return !failed("the file for lone writes cannot be laid out");
  }
  if (settings_.bare_loop) {
    bare_loop_ = std::make_unique<BenchBareLoop>(BenchBareLoop::Work::append, settings_,
                                                 settings_.batch_bytes, *node_, reporter_);
    if (failed(bare_loop_->lay_out())) return false;
  }
  for (uint64_t round = 0; round < settings_.round_count(); ++round) {
    if (!measure_window()) return false;
    if (bare_loop_ && failed(bare_loop_->measure(result_))) return false;
  }
  if (bare_loop_ && failed(bare_loop_->verify())) return false;
  result_.check_rounds(settings_.window_ms);
  return true;
}

bool AppendBench::measure_window() {
  if (settings_.fresh && !node_ && !start(true)) return false;
  LatencyHistogram latency;
  const BenchWindow window = topic_->append_for(*node_, settings_.window_ms, latency);
  result_.add_window(window);
  result_.latency().add(latency);
  if (failed(topic_->failure())) return false;
  if (settings_.fresh) {
    if (!verify()) return false;
    remove_bench_engine(settings_.data_directory);
  }
  return compare(window.bytes_per_second(), latency.value_at(0.5));
}

bool AppendBench::compare(double engine_rate, uint64_t engine_p50_ns) {
  if (settings_.against == "fio") return compare_with_fio(engine_rate);
  if (settings_.against == "dsync") return compare_with_lone_write(engine_p50_ns);
  if (settings_.against == "one-partition") {
    LatencyHistogram latency;
    const BenchWindow window = single_->append_for(*node_, settings_.window_ms, latency);
    result_.add_round(engine_rate, window.bytes_per_second());
    result_.add_reference_rate(window.bytes_per_second());
    return !failed(single_->failure());
  }
  return true;
}

bool AppendBench::compare_with_fio(double engine_rate) {
  std::string wrong;
  if (node_) node_->park();
  const std::optional<double> rate = fio().run(wrong);
  if (node_) node_->unpark();
  if (!rate) return !failed(wrong);
  result_.add_round(engine_rate, *rate);
  result_.add_reference_rate(*rate);
  return true;
}

bool AppendBench::compare_with_lone_write(uint64_t engine_p50_ns) {
  constexpr uint64_t kNsPerMs = 1'000'000;
  LatencyHistogram latency;
  Result<void> outcome;
  node_->run(0, [&](Engine& engine) {
    const uint64_t deadline_ns =
        engine.doors().clock.monotonic_ns() + settings_.window_ms * kNsPerMs;
    return lone_write_->run(engine, deadline_ns, latency, outcome);
  });
  if (!outcome.ok()) return !failed("a lone write failed");
  const uint64_t p50_ns = latency.value_at(0.5);
  result_.add_round(static_cast<double>(engine_p50_ns) / 1e9, static_cast<double>(p50_ns) / 1e9);
  result_.add_reference_rate(static_cast<double>(latency.count() * kDiskBlockBytes) * 1e3 /
                             static_cast<double>(settings_.window_ms));
  return true;
}

// From a new process's point of view: nothing is in memory.
bool AppendBench::verify() {
  node_.reset();
  if (!start(false)) return false;
  for (BenchTopic* topic : {topic_.get(), single_.get()}) {
    if (topic == nullptr) continue;
    topic->verify(*node_);
    if (failed(topic->failure())) return false;
    verified_bytes_ += topic->verified_bytes();
    appended_bytes_ += topic->appended_bytes();
  }
  node_.reset();
  return true;
}

void AppendBench::describe() {
  nlohmann::ordered_json& extra = result_.extra();
  if (settings_.against == "fio") extra["reference_command"] = fio().command();
  if (bare_loop_) extra["bare_loop"] = bare_loop_->description();
  if (settings_.against == "dsync") {
    extra["reference_command"] = "4,096 bytes over themselves with RWF_DSYNC, one at a time";
    extra["ratio_of"] = "p50, seconds";
  }
  if (settings_.against == "one-partition") {
    extra["reference_command"] = "the same load on one partition";
  }
  extra["appended_bytes"] = appended_bytes_;
  extra["verified_bytes"] = verified_bytes_;
  extra["verified"] = "every byte that was still in the log, read after a restart";
  extra["working_set_bytes"] = topic_->working_set_bytes();
  extra["payload_bytes"] = topic_->payload_bytes();
  extra["batches"] = settings_.kafka ? "kafka" : "opaque";
  extra["mode"] = settings_.copy ? "copied" : "filled in place";
  extra["segment_bytes"] = segment_bytes_for(settings_, settings_.partitions);
  extra["partitions"] = settings_.partitions;
  extra["queue_depth"] = settings_.queue_depth;
  extra["appends_under_way"] = settings_.appends_at_once();
  extra["durability"] = settings_.durability;
  extra["io"] = backend_;
  extra["poll"] = settings_.poll;
  extra["huge_pages"] = huge_pages_;
  if (!huge_pages_) {
    extra["more_huge_pages"] =
        huge_pages_command(settings_.memory_bytes * options_.reactors.reactor_count);
  }
}

std::string wrong_with_append(const AppendSettings& settings) {
  if (settings.fresh && settings.against != "fio" && settings.against != "none") {
    return fmt::format("--fresh has no --against={}", settings.against);
  }
  if (settings.bare_loop && (settings.fresh || settings.copy || settings.kafka)) {
    return "--bare-loop fills its blocks in place and writes over a file: without --fresh, --copy "
           "and --kafka";
  }
  if (std::string wrong = BenchBareLoop::wrong_with(settings, settings.batch_bytes);
      !wrong.empty()) {
    return wrong;
  }
  if (settings.kafka && settings.record_bytes + 100 > settings.batch_bytes) {
    return "with --kafka a batch is to hold one record at least: a larger --batch-bytes, or a "
           "smaller --record-bytes";
  }
  return wrong_with(settings);
}

}  // namespace

void add_bench_append(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<AppendSettings>();
  const Command command = bench.add_command(
      "append",
      "Appends to a warm log, and reads back what is in it at the end.\n"
      "Each round is one window of the engine and one of what it is compared with.");
  add_engine_options(command, *settings);
  add_window_options(command, settings->duration_ms, settings->window_ms);
  add_load_options(command, *settings);
  add_against_option(command, *settings, {"fio", "dsync", "one-partition"},
                     "fio on the same disk; dsync: lone durable writes of 4 KiB, by their p50; "
                     "one-partition; none.");
  add_bare_loop_option(command, *settings);
  command
      .add_option(
          "--appends", settings->appends,
          "Under way at one time, on each thread, until they are as durable as asked. "
          "[default: four times --queue-depth, or one with a depth of one; four for each of "
          "more partitions than that]")
      .type_name("count")
      .between(1, 65'536);
  add_size_option(command, "--record-bytes", settings->record_bytes, 1, uint64_t{1} << 22,
                  "Of one record's value, with --kafka.");
  command.add_flag("--copy", settings->copy,
                   "Batches lie in the caller's memory, and are not filled in place.");
  command.add_flag("--kafka", settings->kafka,
                   "Kafka record batches, checked on the way in as a produce request's.");
  command.add_flag("--fresh", settings->fresh,
                   "Each window starts with an empty directory, fio's with a new file.");
  command
      .add_option("--segment-bytes", settings->segment_bytes,
                  "Of one file, at most. [default: a few of each partition fit in --disk-bytes]")
      .type_name("size")
      .size()
      .between(uint64_t{1} << 20, uint64_t{1} << 30);
  add_size_option(command, "--disk-bytes", settings->disk_bytes, uint64_t{64} << 20,
                  uint64_t{1} << 40, "What the log may take, about.");
  add_size_option(command, "--reference-bytes", settings->log_bytes, uint64_t{1} << 20,
                  uint64_t{1} << 40, "Of fio's file.");
  command.add_flag("--plant-difference", settings->plant_difference,
                   "Expects something else than was appended: the run must fail.");
  command.callback([settings, &chosen] {
    chosen = [settings] {
      if (const std::string wrong = wrong_with_append(*settings); !wrong.empty()) {
        complain(wrong);
        return kExitUsage;
      }
      return AppendBench(*settings).run();
    };
  });
}

}  // namespace penstock
