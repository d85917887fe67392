// `penstock topic`: topics of any Kafka broker, listed, described, created, given partitions and deleted.
#pragma once

#include <functional>

#include "tools/command.h"

namespace penstock {

// The chosen command's run is put into `chosen`.
void add_topic_commands(const Command& program, std::function<int()>& chosen);

}  // namespace penstock
