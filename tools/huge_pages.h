// What to tell a person whose buffers found no huge pages.
#pragma once

#include <cstdint>
#include <string>

namespace penstock {

// The command that reserves as many as `arena_bytes` of buffers fill.
std::string huge_pages_command(uint64_t arena_bytes);

}  // namespace penstock
