// `penstock serve`: one node in the foreground.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace penstock {

void add_serve_command(CLI::App& program, std::function<int()>& chosen);

}  // namespace penstock
