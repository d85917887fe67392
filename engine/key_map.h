// The last offset of each key in a stretch of a log, in bounded memory: what compaction keeps records by.
//
// Keys are known by their 128-bit hash, under a seed of this map's own, so that nobody can make two keys look like one.
// Open addressing over blocks of the reactor's pool, 24 bytes a slot, at most three quarters of them used. Belongs to
// one compaction; only on its reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/checksum.h"
#include "index/offset.h"
#include "io/buffers.h"

namespace penstock {

class KeyMap {
 public:
  explicit KeyMap(uint64_t seed) : seed_(seed) {}
  KeyMap(const KeyMap&) = delete;

  // So much memory for `key_count` keys.
  static uint64_t bytes_for(uint64_t key_count) { return (key_count + 1) * sizeof(Slot) * 3 / 2; }

  // Before the first put(): makes room in `block`, as large as the ones before it.
  void add_block(Buffer block);

  // From now on the key's last offset is `offset`. False: the map is full, and the key is not in it.
  bool put(std::span<const std::byte> key, Offset offset);

  std::optional<Offset> find(std::span<const std::byte> key) const;

  size_t key_count() const { return used_; }
  size_t memory_bytes() const;

 private:
  struct Slot {
    Hash128 hash;
    uint64_t next_offset;  // behind the record's; 0: nobody's
  };
  static_assert(sizeof(Slot) == 24);

  Slot& slot(size_t number) const;
  Slot& slot_of(const Hash128& hash) const;

  uint64_t seed_;
  std::vector<Buffer> blocks_;  // of one size
  size_t slots_per_block_ = 0;
  size_t slot_count_ = 0;
  size_t used_ = 0;
};

}  // namespace penstock
