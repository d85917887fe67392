// `penstock bench`: what the engine does on this machine, beside what the machine can do.
#pragma once

#include <functional>

#include "tools/command.h"

namespace penstock {

void add_bench_commands(const Command& program, std::function<int()>& chosen);

// Each in a file of its name.
void add_bench_append(const Command& bench, std::function<int()>& chosen);
void add_bench_read(const Command& bench, std::function<int()>& chosen);
void add_bench_lookup(const Command& bench, std::function<int()>& chosen);
void add_bench_recover(const Command& bench, std::function<int()>& chosen);
void add_bench_memory(const Command& bench, std::function<int()>& chosen);
void add_bench_produce(const Command& bench, std::function<int()>& chosen);
void add_bench_consume(const Command& bench, std::function<int()>& chosen);

}  // namespace penstock
