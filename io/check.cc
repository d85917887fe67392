#include "io/check.h"

#include <cstdio>
#include <cstdlib>

namespace penstock {

void check_failed(const char* file, int line) noexcept {
  std::fprintf(stderr, "penstock: check failed at %s:%d\n", file, line);
  std::abort();
}

}  // namespace penstock
