// `penstock bench`: what the engine does on this machine, beside what the machine can do.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace penstock {

void add_bench_commands(CLI::App& program, std::function<int()>& chosen);

// Each in a file of its name.
void add_bench_append(CLI::App& bench, std::function<int()>& chosen);
void add_bench_read(CLI::App& bench, std::function<int()>& chosen);
void add_bench_lookup(CLI::App& bench, std::function<int()>& chosen);
void add_bench_recover(CLI::App& bench, std::function<int()>& chosen);
void add_bench_memory(CLI::App& bench, std::function<int()>& chosen);
void add_bench_produce(CLI::App& bench, std::function<int()>& chosen);
void add_bench_consume(CLI::App& bench, std::function<int()>& chosen);

}  // namespace penstock
