// `penstock group`: consumer groups of any Kafka broker, their members, their offsets and how far behind they are.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace penstock {

// The chosen command's run is put into `chosen`.
void add_group_commands(CLI::App& program, std::function<int()>& chosen);

}  // namespace penstock
