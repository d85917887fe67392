// Entries in ascending order of their keys, found in a fixed number of steps.
//
// Above the entries stand samples: every 32nd key, every 32nd of those, and so on up to a level of at most 32. A search
// looks at one block of up to 32 neighbours per level: two blocks up to 1,024 entries, three up to 32,768. Appending
// and cutting at the end touch only the ends of the levels; dropping from the front costs constant time amortized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/check.h"

namespace penstock {

// Entry is trivially copyable and has an unsigned member `key`.
template <class Entry>
class SampledArray {
 public:
  static constexpr size_t kBlockEntries = 32;

  bool empty() const { return size() == 0; }
  size_t size() const { return entries_.size() - dropped_; }
  const Entry& operator[](size_t place) const { return entries_[dropped_ + place]; }
  const Entry& back() const { return entries_.back(); }

  // `entry`'s key is above all others.
  void push_back(const Entry& entry) {
    check(empty() || back().key < entry.key);
    entries_.push_back(entry);
    const uint64_t key = entry.key;
    size_t place = entries_.size() - 1;
    for (size_t level = 0; place != 0 && place % kBlockEntries == 0; ++level) {
      place /= kBlockEntries;
      if (level == samples_.size()) samples_.emplace_back(1, uint64_t{entries_.front().key});
      check(place == samples_[level].size());
      samples_[level].push_back(key);
    }
  }

  // Keeps the first `size` entries.
  void drop_back_to(size_t size_left) {
    check(size_left <= size());
    entries_.resize(dropped_ + size_left);
    size_t count = entries_.size();
    for (auto& level : samples_) {
      count = (count + kBlockEntries - 1) / kBlockEntries;
      level.resize(count);
    }
    while (!samples_.empty() && samples_.back().size() <= 1) samples_.pop_back();
    if (entries_.size() == dropped_) clear();
  }

  // Drops the first `count` entries; the others' places go down by as much.
  void drop_front(size_t count) {
    check(count <= size());
    dropped_ += count;
    // Dropped entries stay until they are half of all, so that each is moved at most once on average.
    if (dropped_ * 2 < entries_.size()) return;
    const std::vector<Entry> kept(entries_.begin() + static_cast<ptrdiff_t>(dropped_),
                                  entries_.end());
    clear();
    for (const Entry& entry : kept) push_back(entry);
  }

  void clear() {
    entries_.clear();
    samples_.clear();
    dropped_ = 0;
  }

  // How many entries have a key at or below `key`. Adds the blocks it looked at to `accesses`.
  size_t count_at_or_below(uint64_t key, size_t* accesses = nullptr) const {
    size_t first = 0;  // of the block to look at, on its level
    for (size_t level = samples_.size(); level > 0; --level) {
      const std::vector<uint64_t>& keys = samples_[level - 1];
      const size_t below = count_in_block(keys, first, key, [](uint64_t sample) { return sample; });
      if (accesses != nullptr) ++*accesses;
      if (below == 0)
        return 0;  // below the very first key: on lower levels a block begins with its sample
      first = (first + below - 1) * kBlockEntries;
    }
    if (accesses != nullptr) ++*accesses;
    const size_t below =
        count_in_block(entries_, first, key, [](const Entry& entry) { return entry.key; });
    return first + below > dropped_ ? first + below - dropped_ : 0;
  }

  size_t memory_bytes() const {
    size_t bytes = entries_.capacity() * sizeof(Entry);
    for (const auto& level : samples_) bytes += level.capacity() * sizeof(uint64_t);
    return bytes;
  }

 private:
  // Looks at all of the block rather than halving it: a branch that cannot be predicted costs more than 32 compares.
  template <class Item, class KeyOf>
  static size_t count_in_block(const std::vector<Item>& items, size_t first, uint64_t key,
                               KeyOf key_of) {
    const size_t end = items.size() < first + kBlockEntries ? items.size() : first + kBlockEntries;
    size_t count = 0;
    for (size_t i = first; i < end; ++i) count += key_of(items[i]) <= key ? 1 : 0;
    return count;
  }

  std::vector<Entry> entries_;
  std::vector<std::vector<uint64_t>> samples_;  // from the lowest level up
  size_t dropped_ = 0;                          // entries at the front that are no more
};

}  // namespace penstock
