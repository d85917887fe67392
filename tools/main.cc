// The program: one command line, one subcommand, one exit status.
#include <functional>

#include "tools/bench_command.h"
#include "tools/command.h"
#include "tools/config_command.h"
#include "tools/exit_status.h"
#include "tools/group_command.h"
#include "tools/log_command.h"
#include "tools/serve_command.h"
#include "tools/topic_command.h"

namespace penstock {
namespace {

int run_program(int argument_count, char** arguments) {
  Program program("A log of records: takes them from Kafka clients, keeps them, gives them back.",
                  "penstock", PENSTOCK_VERSION);
  const Command command = program.command();
  std::function<int()> chosen;
  add_serve_command(command, chosen);
  add_topic_commands(command, chosen);
  add_config_commands(command, chosen);
  add_group_commands(command, chosen);
  add_log_commands(command, chosen);
  add_bench_commands(command, chosen);
  int status = 0;
  if (!program.parse(argument_count, arguments, status)) return status;
  return chosen();
}

}  // namespace
}  // namespace penstock

int main(int argument_count, char** arguments) {
  return penstock::run_program(argument_count, arguments);
}
