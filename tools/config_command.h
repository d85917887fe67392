// `penstock config`: the configuration of topics and brokers of any Kafka cluster, described and altered.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace penstock {

// The chosen command's run is put into `chosen`.
void add_config_commands(CLI::App& program, std::function<int()>& chosen);

}  // namespace penstock
