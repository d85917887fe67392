// What may be done with a group, as descriptions say it.
#pragma once

#include <cstdint>

namespace penstock::kafka {

// A bit for each operation: read, delete, describe. Without access control all are allowed.
inline constexpr int32_t kAllGroupOperations = 1 << 3 | 1 << 6 | 1 << 8;

}  // namespace penstock::kafka
