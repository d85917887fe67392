// The program: one command line, one subcommand, one exit status.
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench_command.h"
#include "tools/command_line.h"
#include "tools/config_command.h"
#include "tools/exit_status.h"
#include "tools/group_command.h"
#include "tools/log_command.h"
#include "tools/serve_command.h"
#include "tools/topic_command.h"

namespace penstock {
namespace {

// Last first, as CLI11 takes them. It would take the next argument for a value that is empty behind a '='.
std::vector<std::string> split_arguments(int argument_count, char** arguments) {
  std::vector<std::string> split;
  for (int i = argument_count - 1; i > 0; --i) {
    std::string argument = arguments[i];
    const size_t equals = argument.find('=');
    if (equals > 2 && equals + 1 == argument.size() && argument.starts_with("--")) {
      split.emplace_back();
      argument.pop_back();
    }
    split.push_back(std::move(argument));
  }
  return split;
}

int run_program(int argument_count, char** arguments) {
  CLI::App program("A log of records: takes them from Kafka clients, keeps them, gives them back.",
                   "penstock");
  program.formatter(std::make_shared<HelpFormatter>());
  program.set_help_flag("--help", "Shows this; after a command, that command's options.");
  program.set_version_flag("--version", "penstock " PENSTOCK_VERSION, "Shows the version.");
  program.require_subcommand(1);
  std::function<int()> chosen;
  add_serve_command(program, chosen);
  add_topic_commands(program, chosen);
  add_config_commands(program, chosen);
  add_group_commands(program, chosen);
  add_log_commands(program, chosen);
  add_bench_commands(program, chosen);
  try {
    program.parse(split_arguments(argument_count, arguments));
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
    return kExitDone;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", program.help());
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    complain(fmt::format("{}. Its options: penstock [command] --help", error.what()));
    return kExitUsage;
  }
  return chosen();
}

}  // namespace
}  // namespace penstock

int main(int argument_count, char** arguments) {
  return penstock::run_program(argument_count, arguments);
}
