// How many files this process may have open.
#pragma once

#include <cstdint>

namespace penstock {

// Raises it as far as the process may. Returns what it is then.
uint64_t raise_descriptor_limit();

}  // namespace penstock
