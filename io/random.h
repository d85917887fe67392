// Chance. Engine code knows no other source.
#pragma once

#include <cstdint>

namespace penstock {

class Random {
 public:
  virtual ~Random() = default;
  // 64 uniformly random bits. The real one is seeded by the kernel and fit for identities, not for secrets.
  virtual uint64_t next() = 0;
};

}  // namespace penstock
