// Entries in ascending order of their keys, found in a fixed number of steps.
//
// Where the keys grow about evenly, as those of like frames do, a line through the first and the last of them tells the
// place of each to within a few: a search looks at the 16 entries around it and is done, after one memory access.
// Otherwise it takes the samples that stand above the entries: every 32nd key, every 32nd of those, and so on up to a
// level of at most 32. It looks at one block of up to 32 neighbours per level: two blocks up to 1,024 entries, three up
// to 32,768. How even the keys are is measured now and then while they are added, so that a search seldom looks in
// vain; it never does so more than once. Appending, and cutting and dropping at either end, cost constant time
// amortized.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "io/check.h"

namespace penstock {

// Entry is trivially copyable and has an unsigned member `key`.
template <class Entry>
class SampledArray {
 public:
  using Key = decltype(Entry::key);
  static constexpr size_t kBlockEntries = 32;
  static constexpr size_t kWindowEntries = 16;  // looked at around a guess

  bool empty() const { return size() == 0; }
  size_t size() const { return entries_.size() - dropped_; }
  const Entry& operator[](size_t place) const { return entries_[dropped_ + place]; }
  const Entry& back() const { return entries_.back(); }

  // `entry`'s key is above all others.
  void push_back(const Entry& entry) {
    check(empty() || back().key < entry.key);
    entries_.push_back(entry);
    const Key key = entry.key;
    size_t place = entries_.size() - 1;
    for (size_t level = 0; place != 0 && place % kBlockEntries == 0; ++level) {
      place /= kBlockEntries;
      if (level == samples_.size()) samples_.emplace_back(1, entries_.front().key);
      check(place == samples_[level].size());
      samples_[level].push_back(key);
    }
    if (entries_.size() >= measure_at_) draw_line();
  }

  // Gives back memory kept for further entries, and draws the line through those there are.
  void settle() {
    entries_.shrink_to_fit();
    draw_line();
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
    if (entries_.size() < kWindowEntries) slope_ = 0;
    measure_at_ = std::min(measure_at_, entries_.size() + entries_.size() / 8 + 2);
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
    slope_ = 0;
    measure_at_ = 2;
  }

  // How many entries have a key at or below `key`. Adds the blocks it looked at to `accesses`.
  size_t count_at_or_below(Key key, size_t* accesses = nullptr) const {
    if (slope_ != 0) {
      if (accesses != nullptr) ++*accesses;
      const std::optional<size_t> count = count_around_guess(key);
      if (count) return without_dropped(*count);
    }
    size_t first = 0;  // of the block to look at, on its level
    for (size_t level = samples_.size(); level > 0; --level) {
      const std::vector<Key>& keys = samples_[level - 1];
      const size_t below =
          count_in(keys, first, block_end(keys, first), key, [](Key sample) { return sample; });
      if (accesses != nullptr) ++*accesses;
      if (below == 0)
        return 0;  // below the very first key: on lower levels a block begins with its sample
      first = (first + below - 1) * kBlockEntries;
    }
    if (accesses != nullptr) ++*accesses;
    return without_dropped(first + count_in(entries_, first, block_end(entries_, first), key,
                                            [](const Entry& entry) { return entry.key; }));
  }

  size_t memory_bytes() const {
    size_t bytes = entries_.capacity() * sizeof(Entry);
    for (const auto& level : samples_) bytes += level.capacity() * sizeof(Key);
    return bytes;
  }

 private:
  __extension__ using Product = unsigned __int128;

  // Looks at all of the block rather than halving it: a branch that cannot be predicted costs more than 32 compares.
  template <class Items, class KeyOf>
  static size_t count_in(const Items& items, size_t first, size_t end, Key key, KeyOf key_of) {
    const auto* const data = items.data();
    size_t count = 0;
    for (size_t i = first; i < end; ++i) count += key_of(data[i]) <= key ? 1 : 0;
    return count;
  }
  template <class Items>
  static size_t block_end(const Items& items, size_t first) {
    return std::min(items.size(), first + kBlockEntries);
  }

  size_t without_dropped(size_t count) const { return count > dropped_ ? count - dropped_ : 0; }

  // The place on the line; at least the first and at most the last one.
  size_t guess(Key key) const {
    if (key <= line_from_) return 0;
    const auto place = static_cast<size_t>((Product{key - line_from_} * slope_) >> 64);
    return std::min(place, entries_.size() - 1);
  }

  // Nothing if the answer is not in the guess's neighbourhood, which is always of the same size: no branch on it.
  std::optional<size_t> count_around_guess(Key key) const {
    const size_t place = guess(key);
    const size_t last_first = entries_.size() - kWindowEntries;
    const size_t first =
        std::min(place < kWindowEntries / 2 ? 0 : place - kWindowEntries / 2, last_first);
    const Entry* const window = entries_.data() + first;
    size_t count = 0;
    for (size_t i = 0; i < kWindowEntries; ++i) count += window[i].key <= key ? 1 : 0;
    if (count == 0 && first > 0) return std::nullopt;
    if (count == kWindowEntries && first < last_first) return std::nullopt;
    return first + count;
  }

  // Through the first and the last key; thrown away if one in a few lies too far from it.
  void draw_line() {
    const size_t size = entries_.size();
    measure_at_ = size + size / 8 + 2;
    slope_ = 0;
    if (size < kWindowEntries) return;
    line_from_ = entries_.front().key;
    const uint64_t span = entries_.back().key - line_from_;
    const Product slope = (Product{size - 1} << 64) / span;
    slope_ = slope > ~uint64_t{0} ? ~uint64_t{0} : static_cast<uint64_t>(slope);
    for (size_t place = kWindowEntries / 2; place < size; place += kWindowEntries / 2) {
      const size_t guessed = guess(entries_[place].key);
      const size_t off = guessed > place ? guessed - place : place - guessed;
      if (off < kWindowEntries / 2 - 1) continue;
      slope_ = 0;
      return;
    }
  }

  // What a guess needs stands together, so that it costs one line of the cache; the first key is not looked up.
  std::vector<Entry> entries_;
  uint64_t slope_ = 0;     // entries per key, times 2^64; 0: keys are too uneven for a guess
  Key line_from_ = 0;      // the first entry's key, when the line was drawn
  size_t dropped_ = 0;     // entries at the front that are no more
  size_t measure_at_ = 2;  // so many entries
  std::vector<std::vector<Key>> samples_;  // from the lowest level up
};

}  // namespace penstock
