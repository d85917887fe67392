// First in, first out, in one block of memory that grows by doubling and is kept: no allocation in steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "io/check.h"

namespace penstock {

// Items are numbered from 0 over the queue's life; `[number]` finds one that is still inside.
template <class T>
class RingQueue {
 public:
  bool empty() const { return first_ == end_; }
  size_t size() const { return static_cast<size_t>(end_ - first_); }
  uint64_t first_number() const { return first_; }
  uint64_t end_number() const { return end_; }

  T& front() { return (*this)[first_]; }
  T& back() { return (*this)[end_ - 1]; }
  T& operator[](uint64_t number) {
    check(number >= first_ && number < end_);
    return slots_[number & (slots_.size() - 1)];
  }
  const T& operator[](uint64_t number) const { return const_cast<RingQueue&>(*this)[number]; }

  void push_back(T item) {
    if (size() == slots_.size()) grow();
    slots_[end_ & (slots_.size() - 1)] = std::move(item);
    ++end_;
  }
  T pop_front() {
    T item = std::move(front());
    ++first_;
    return item;
  }
  void pop_back() {
    back() = T{};
    --end_;
  }
  void clear() {
    while (!empty()) pop_front();
  }
  // Gives the memory back, where an idle owner should cost nothing.
  void shrink() {
    if (empty()) std::vector<T>().swap(slots_);
  }

 private:
  void grow() {
    std::vector<T> bigger(slots_.empty() ? 4 : slots_.size() * 2);
    for (uint64_t number = first_; number < end_; ++number) {
      bigger[number & (bigger.size() - 1)] = std::move((*this)[number]);
    }
    slots_ = std::move(bigger);
  }

  std::vector<T> slots_;  // a power of two of them
  uint64_t first_ = 0;
  uint64_t end_ = 0;
};

}  // namespace penstock
