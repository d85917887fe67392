// `penstock group`: consumer groups of any Kafka broker, their members, their offsets and how far behind they are.
#pragma once

#include <functional>

#include "tools/command.h"

namespace penstock {

// The chosen command's run is put into `chosen`.
void add_group_commands(const Command& program, std::function<int()>& chosen);

}  // namespace penstock
