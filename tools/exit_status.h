// What the program's exit status says.
#pragma once

namespace penstock {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;  // or: damage was found
inline constexpr int kExitUsage = 2;   // the command line or the configuration file makes no sense

}  // namespace penstock
