// `penstock log dump` and `penstock log verify`: what a data directory holds, and whether it is whole, without a server
// and without changing a byte.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace penstock {

// Adds them to `program`. Whichever the command line chooses puts its run into `chosen`; that gives the exit status.
void add_log_commands(CLI::App& program, std::function<int()>& chosen);

}  // namespace penstock
