// What a bench that kills or restarts its engine does in processes of its own: this program again, in a role.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/bench_options.h"

namespace penstock {

// The arguments that start this program as `penstock bench <command> --role=<role>` with the same engine and load.
std::vector<std::string> role_arguments(const std::string& command, const std::string& role,
                                        const BenchSettings& settings);

// Starts it, waits for the first line that begins with `word`, and for its end. The rest of that line; nothing if there
// was none, or if the process failed.
std::optional<std::string> run_role(const std::vector<std::string>& arguments,
                                    const std::string& word);

}  // namespace penstock
