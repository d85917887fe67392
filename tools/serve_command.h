// `penstock serve`: one node in the foreground.
#pragma once

#include <functional>

#include "tools/command.h"

namespace penstock {

void add_serve_command(const Command& program, std::function<int()>& chosen);

}  // namespace penstock
