#include "tools/huge_pages.h"

#include <fmt/format.h>

namespace penstock {

std::string huge_pages_command(uint64_t arena_bytes) {
  constexpr uint64_t kHugePageBytes = 2 << 20;
  return fmt::format("sysctl vm.nr_hugepages={}",
                     (arena_bytes + kHugePageBytes - 1) / kHugePageBytes);
}

}  // namespace penstock
