// Copies that go past the cache: for bytes that the disk takes next and nobody else reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct XXH3_state_s;

namespace penstock {

// Copies `from` to `to`, which do not overlap. Large pieces leave the cache as it is, and do not read what they
// overwrite: both cost memory bandwidth that the disk's own copy needs.
void stream_copy(std::byte* to, std::span<const std::byte> from);

// XXH3-64 of all that was copied through it, as checksum.h's xxh3_64 of the same bytes; each byte is fetched once.
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
