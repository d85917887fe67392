// The kernel's random bits, fetched a few dozen numbers at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "io/random.h"

namespace penstock {

class KernelRandom final : public Random {
 public:
  uint64_t next() override;

 private:
  std::array<uint64_t, 32> numbers_{};  // getrandom never gives less than asked up to 256 bytes
  size_t used_count_ = numbers_.size();
};

}  // namespace penstock
