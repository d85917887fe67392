// `penstock log dump` and `penstock log verify`: what a data directory holds, and whether it is whole, without a server
// and without changing a byte.
#pragma once

#include <functional>

#include "tools/command.h"

namespace penstock {

// Adds them to `program`. Whichever the command line chooses puts its run into `chosen`; that gives the exit status.
void add_log_commands(const Command& program, std::function<int()>& chosen);

}  // namespace penstock
