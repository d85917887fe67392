// Chance of a simulated world: one stream per purpose, forked from the seed.
#pragma once

#include <cstdint>
#include <string_view>

#include "io/random.h"

namespace penstock::sim {

// A SplitMix64 stream: the same numbers with every compiler and library.
class SimRandom final : public Random {
 public:
  explicit SimRandom(uint64_t seed) : seed_(mix(seed)), state_(seed_) {}

  // A stream of its own for `purpose`. It depends on this stream's seed and the name, not on what was drawn before,
  // so a draw added in one place does not change the others.
  SimRandom fork(std::string_view purpose, uint64_t index = 0) const {
    uint64_t hash = seed_;
    for (const char letter : purpose) hash = mix(hash ^ static_cast<uint8_t>(letter));
    return SimRandom(mix(hash) + index);
  }

  uint64_t next() override {
    state_ += 0x9e3779b97f4a7c15u;
    return mix(state_);
  }
  uint64_t below(uint64_t bound) { return bound <= 1 ? 0 : next() % bound; }
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }
  bool chance(double ratio) { return static_cast<double>(next() >> 11) * 0x1p-53 < ratio; }

  // 1 to `most`, small numbers as likely as large ones (uniform over powers of two).
  uint64_t skewed(uint64_t most) {
    uint64_t bits = 0;
    while (bits < 63 && (most >> bits) > 1) ++bits;
    const uint64_t power = uint64_t{1} << below(bits + 1);
    const uint64_t value = power + below(power);
    return value > most ? most : value;
  }

  static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
  }

 private:
  uint64_t seed_;
  uint64_t state_;
};

}  // namespace penstock::sim
