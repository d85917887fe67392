#include "engine/key_map.h"

#include <algorithm>
#include <cstring>

#include "io/check.h"

namespace penstock {
namespace {

__extension__ using Product = unsigned __int128;

}  // namespace

void KeyMap::add_block(Buffer block) {
  check(used_ == 0 && (blocks_.empty() || blocks_.front().size() == block.size()));
  std::memset(block.data(), 0, block.size());
  slots_per_block_ = block.size() / sizeof(Slot);
  blocks_.push_back(std::move(block));
  slot_count_ = slots_per_block_ * blocks_.size();
}

size_t KeyMap::memory_bytes() const {
  return blocks_.empty() ? 0 : blocks_.size() * blocks_.front().size();
}

KeyMap::Slot& KeyMap::slot(size_t number) const {
  const Buffer& block = blocks_[number / slots_per_block_];
  return reinterpret_cast<Slot*>(block.data())[number % slots_per_block_];
}

// The key's slot, or the free one where it would go.
KeyMap::Slot& KeyMap::slot_of(const Hash128& hash) const {
  auto number = static_cast<size_t>((Product{hash.low} * slot_count_) >> 64);
  for (;;) {
    Slot& here = slot(number);
    if (here.next_offset == 0 || here.hash == hash) return here;
    if (++number == slot_count_) number = 0;
  }
}

bool KeyMap::put(std::span<const std::byte> key, Offset offset) {
  const Hash128 hash = xxh3_128(key, seed_);
  Slot& here = slot_of(hash);
  if (here.next_offset == 0) {
    if ((used_ + 1) * 4 > slot_count_ * 3) return false;
    ++used_;
    here.hash = hash;
  }
  here.next_offset = std::max(here.next_offset, offset.value + 1);
  return true;
}

std::optional<Offset> KeyMap::find(std::span<const std::byte> key) const {
  const Slot& here = slot_of(xxh3_128(key, seed_));
  if (here.next_offset == 0) return std::nullopt;
  return Offset{here.next_offset - 1};
}

}  // namespace penstock
