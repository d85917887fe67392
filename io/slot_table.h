// A fixed number of slots for open files or sockets, named by ids that notice use after release.
//
// An id holds the slot and the generation of its use; the table never grows, so references to slots stay put.
#pragma once

#include <cstdint>
#include <vector>

#include "io/check.h"

namespace penstock {

template <class T>
class SlotTable {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr uint32_t kCapacityMax = (1 << 20) - 1;

  explicit SlotTable(uint32_t capacity) : slots_(capacity) {
    check(capacity <= kCapacityMax);
    free_.reserve(capacity);
    for (uint32_t slot = capacity; slot > 0; --slot) free_.push_back(slot - 1);
  }

  // A fresh T and its id; kNone when all slots are taken.
  uint32_t reserve() {
    if (free_.empty()) return kNone;
    const uint32_t slot = free_.back();
    free_.pop_back();
    slots_[slot].value = T{};
    slots_[slot].taken = true;
    return slot | slots_[slot].generation << kSlotBits;
  }
  T& at(uint32_t id) {
    check(holds(id));
    return slots_[slot_of(id)].value;
  }
  const T& at(uint32_t id) const {
    check(holds(id));
    return slots_[slot_of(id)].value;
  }
  bool holds(uint32_t id) const {
    const uint32_t slot = slot_of(id);
    return slot < slots_.size() && slots_[slot].taken && slots_[slot].generation == id >> kSlotBits;
  }
  void release(uint32_t id) {
    check(holds(id));
    Slot& slot = slots_[slot_of(id)];
    slot.taken = false;
    slot.generation = (slot.generation + 1) & kGenerationMask;
    free_.push_back(slot_of(id));
  }

  template <class Visit>
  void for_each_taken(Visit visit) {
    for (Slot& slot : slots_) {
      if (slot.taken) visit(slot.value);
    }
  }

  static uint32_t slot_of(uint32_t id) { return id & kCapacityMax; }
  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  uint32_t free_count() const { return static_cast<uint32_t>(free_.size()); }

 private:
  static constexpr uint32_t kSlotBits = 20;
  static constexpr uint32_t kGenerationMask = (1 << (32 - kSlotBits)) - 1;
  struct Slot {
    T value{};
    uint32_t generation = 0;
    bool taken = false;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace penstock
