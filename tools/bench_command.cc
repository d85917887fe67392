#include "tools/bench_command.h"

namespace penstock {

void add_bench_commands(const Command& program, std::function<int()>& chosen) {
  const Command bench = program.add_command(
      "bench",
      "Measures the engine on this machine, or a broker, beside what the machine can do.\n"
      "Exit status: 0 measured, 1 failed or read back something else, 2 usage.");
  bench.require_command();
  add_bench_append(bench, chosen);
  add_bench_read(bench, chosen);
  add_bench_lookup(bench, chosen);
  add_bench_recover(bench, chosen);
  add_bench_memory(bench, chosen);
  add_bench_produce(bench, chosen);
  add_bench_consume(bench, chosen);
}

}  // namespace penstock
