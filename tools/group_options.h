// The options of `serve` that concern consumer groups, by Kafka's names.
#pragma once

#include <functional>

#include "net/kafka/groups/group_settings.h"
#include "tools/command.h"

namespace penstock {

// `settings` outlives the parsing. When all is parsed, call what it gives: it refuses values that do
// not go together.
std::function<void()> add_group_options(const Command& serve, kafka::GroupSettings& settings);

}  // namespace penstock
