// `penstock config`: the configuration of topics and brokers of any Kafka cluster, described and altered.
#pragma once

#include <functional>

#include "tools/command.h"

namespace penstock {

// The chosen command's run is put into `chosen`.
void add_config_commands(const Command& program, std::function<int()>& chosen);

}  // namespace penstock
