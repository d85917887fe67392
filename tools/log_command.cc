#include "tools/log_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "io/reactor.h"
#include "tools/command_line.h"
#include "tools/directory_walk.h"
#include "tools/exit_status.h"
#include "tools/log_printer.h"

namespace penstock {
namespace {

struct LogOptions {
  std::string directory;
  bool json = false;
  std::optional<std::string> topic;
  std::optional<uint32_t> partition;
  bool records = false;
  bool force = false;
};

class WarningsToStandardError final : public Reporter {
 public:
  void report(Severity severity, std::string_view text) override {
    if (severity != Severity::info) complain(std::string(text));
  }
};

struct Outcome {
  Result<void> walked;
  bool locked = false;
};

// Keeps a server from starting meanwhile. Nothing to lock where no server has ever been; and who may only read the
// directory cannot tell, and reads on.
Task<Result<FileId>> lock_if_there(Doors& doors, const std::string& directory) {
  constexpr uint64_t kPatienceNs = 2'000'000'000;  // a killed server's lock may outlive it a little
  constexpr uint64_t kPauseNs = 50'000'000;
  const std::string path = directory + "/lock";
  FileInfo info;
  const Result<uint64_t> found = co_await doors.disk.stat(path, info);
  if (!found.ok()) co_return FileId{};
  const uint64_t give_up_ns = doors.clock.monotonic_ns() + kPatienceNs;
  for (;;) {
    const Result<FileId> lock = co_await doors.disk.lock(path);
    if (lock.ok()) co_return lock;
    if (lock.error() != Error::locked) co_return FileId{};
    if (doors.clock.monotonic_ns() >= give_up_ns) co_return Error::locked;
    co_await doors.clock.sleep_for(kPauseNs);
  }
}

Task<void> walk(Doors& doors, const LogOptions& options, LogPrinter& printer, Outcome& outcome) {
  FileId lock;
  if (!options.force) {
    const Result<FileId> locked = co_await lock_if_there(doors, options.directory);
    if (!locked.ok()) {
      outcome.locked = true;
      co_return;
    }
    lock = locked.value();
  }
  DirectoryWalk::Options walk_options;
  walk_options.directory = options.directory;
  walk_options.topic = options.topic;
  walk_options.partition = options.partition;
  DirectoryWalk directory_walk(doors, std::move(walk_options), printer);
  outcome.walked = co_await directory_walk.run();
  if (lock.valid()) (void)co_await doors.disk.close(lock);
}

int failed(const std::string& text) {
  complain(text);
  return kExitFailed;
}

int run_log_command(const LogOptions& options, bool everything) {
  WarningsToStandardError reporter;
  Reactors::Options reactor_options;
  reactor_options.reactor_count = 1;
  reactor_options.buffer_bytes_per_reactor = 16 << 20;
  reactor_options.huge_pages = false;
  auto reactors = Reactors::create(reactor_options, reporter);
  if (!reactors.ok()) return failed(fmt::format("cannot start: {}", name_of(reactors.error())));

  LogPrinter::Options printer_options;
  printer_options.everything = everything;
  printer_options.records = options.records;
  printer_options.to = stdout;
  const std::unique_ptr<LogPrinter> printer =
      options.json ? make_json_printer(printer_options) : make_text_printer(printer_options);
  Outcome outcome;
  reactors.value()->run([&](Doors& doors) { return walk(doors, options, *printer, outcome); });

  const std::string& directory = options.directory;
  if (outcome.locked) {
    return failed(directory +
                  " is open in a server. Stop it first; or read it as it changes with --force, "
                  "when what is being "
                  "written may look damaged.");
  }
  if (!outcome.walked.ok() && outcome.walked.error() == Error::not_found) {
    const bool chosen = options.topic || options.partition;
    return failed(chosen ? fmt::format("{} has no such topic or partition", directory)
                         : fmt::format("there is no directory {}", directory));
  }
  if (!outcome.walked.ok()) {
    return failed(fmt::format("{} cannot be read: {}", directory, name_of(outcome.walked.error())));
  }
  printer->summary();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return failed("cannot write the output");
  return printer->counts().damage == 0 ? kExitDone : kExitFailed;
}

Command add_log_command(const Command& log, const std::string& name, const std::string& description,
                        LogOptions& options) {
  const Command command = log.add_command(name, description);
  command.add_option("data-dir", options.directory, "The data directory.").required();
  command.add_flag("--json", options.json, "One JSON object a line.");
  command.add_option("--topic", options.topic, "Only this topic, by name or id.").type_name("name");
  command.add_option("--partition", options.partition, "Only partitions of this number.")
      .type_name("number");
  command.add_flag("--force", options.force,
                   "Reads what a running server has open; what it is writing may look damaged.");
  return command;
}

}  // namespace

void add_log_commands(const Command& program, std::function<int()>& chosen) {
  const Command log = program.add_command("log", "Looks into a data directory without a server.");
  log.require_command();
  const auto dump_options = std::make_shared<LogOptions>();
  const Command dump =
      add_log_command(log, "dump",
                      "Prints what a data directory holds: topics, partitions, segments, frames.\n"
                      "Changes nothing. Exit status: 0 no damage, 1 damage or failure, 2 usage.",
                      *dump_options);
  dump.add_flag("--records", dump_options->records,
                "The records too: offset, time, key, value (of batches that are not compressed).");
  dump.callback([dump_options, &chosen] {
    chosen = [dump_options] { return run_log_command(*dump_options, true); };
  });

  const auto verify_options = std::make_shared<LogOptions>();
  const Command verify =
      add_log_command(log, "verify",
                      "Reads every byte a data directory accounts for, and names what is damaged.\n"
                      "A torn tail, which a crash leaves and recovery cuts, is no damage.\n"
                      "Changes nothing. Exit status: 0 no damage, 1 damage or failure, 2 usage.",
                      *verify_options);
  verify.callback([verify_options, &chosen] {
    chosen = [verify_options] { return run_log_command(*verify_options, false); };
  });
}

}  // namespace penstock
