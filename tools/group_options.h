// The options of `serve` that concern consumer groups, by Kafka's names.
#pragma once

#include <functional>

#include "net/kafka/groups/group_settings.h"
#include "tools/command_line.h"

namespace penstock {

// `settings` outlives the parsing. When all is parsed, call what it gives: it throws a CLI::ValidationError if values do
// not go together.
std::function<void()> add_group_options(CLI::App& serve, kafka::GroupSettings& settings);

}  // namespace penstock
