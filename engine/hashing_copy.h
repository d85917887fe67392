// A copy that hashes what it copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct XXH3_state_s;

namespace penstock {

// XXH3-64 of all that was copied through it, as checksum.h's xxh3_64 of the same bytes; each byte comes from memory once.
class HashingCopy {
 public:
  HashingCopy();
  HashingCopy(const HashingCopy&) = delete;
  HashingCopy& operator=(const HashingCopy&) = delete;

  void begin();
  void copy(std::byte* to, std::span<const std::byte> from);
  uint64_t hash() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace penstock
