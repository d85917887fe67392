// What the library has to tell its host: it has no log, no standard output.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock {

enum class Severity : uint8_t { info, warning, error };

// May be called from any reactor. `text` is one line without a newline, valid during the call.
class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void report(Severity severity, std::string_view text) = 0;
};

}  // namespace penstock
