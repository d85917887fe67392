#include "tools/bench_children.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "tools/child_process.h"
#include "tools/exit_status.h"

namespace penstock {

std::vector<std::string> role_arguments(const std::string& command, const std::string& role,
                                        const BenchSettings& settings) {
  std::vector<std::string> arguments = {
      "/proc/self/exe",
      "bench",
      command,
      fmt::format("--role={}", role),
      fmt::format("--data-dir={}", settings.data_directory),
      fmt::format("--partitions={}", settings.partitions),
      fmt::format("--batch-bytes={}", settings.batch_bytes),
      fmt::format("--queue-depth={}", settings.queue_depth),
      fmt::format("--durability={}", settings.durability),
      fmt::format("--io={}", settings.io),
      fmt::format("--poll={}", settings.poll),
      fmt::format("--memory={}", settings.memory_bytes),
  };
  if (settings.reactors != 0) {
    arguments.push_back(fmt::format("--reactors={}", settings.reactors));
  } else if (!settings.cores.empty()) {
    arguments.push_back(fmt::format("--cores={}", fmt::join(settings.cores, ",")));
  }
  return arguments;
}

std::optional<std::string> run_role(const std::vector<std::string>& arguments,
                                    const std::string& word) {
  Result<std::unique_ptr<ChildProcess>> child = ChildProcess::start(arguments);
  if (!child.ok()) return std::nullopt;
  std::optional<std::string> found;
  while (const std::optional<std::string> line = child.value()->read_line()) {
    if (!found && line->starts_with(word + " ")) found = line->substr(word.size() + 1);
  }
  if (child.value()->wait() != kExitDone) return std::nullopt;
  return found;
}

}  // namespace penstock
