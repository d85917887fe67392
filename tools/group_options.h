// The options of `serve` that concern consumer groups, by Kafka's names.
#pragma once

#include "net/kafka/groups/group_settings.h"
#include "tools/command_line.h"

namespace penstock {

// `settings` outlives the parsing.
void add_group_options(CLI::App& serve, kafka::GroupSettings& settings);

}  // namespace penstock
