// `penstock topic`: topics of any Kafka broker, listed, described, created, given partitions and deleted.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace penstock {

// The chosen command's run is put into `chosen`.
void add_topic_commands(CLI::App& program, std::function<int()>& chosen);

}  // namespace penstock
