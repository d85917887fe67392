// A broken promise between our own functions stops the process before bad data spreads.
#pragma once

namespace penstock {

// Prints the place to standard error and aborts. The one way `check` ends.
[[noreturn]] void check_failed(const char* file, int line) noexcept;

// On in every build. One fact per call; never reachable by bytes from outside.
inline void check(bool holds, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) noexcept {
  if (!holds) [[unlikely]] {
    check_failed(file, line);
  }
}

}  // namespace penstock
