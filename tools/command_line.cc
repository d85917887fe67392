#include "tools/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace penstock {

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
  return text;
}

void complain(const std::string& text) { fmt::print(stderr, "penstock: {}\n", printable(text)); }

}  // namespace penstock
