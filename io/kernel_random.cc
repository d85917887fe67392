#include "io/kernel_random.h"

#include <sys/random.h>

#include <cerrno>

#include "io/check.h"

namespace penstock {

uint64_t KernelRandom::next() {
  if (used_count_ == numbers_.size()) {
    ssize_t filled = 0;
    do {
      filled = ::getrandom(numbers_.data(), sizeof numbers_, 0);
    } while (filled < 0 && errno == EINTR);
    check(filled == static_cast<ssize_t>(sizeof numbers_));
    used_count_ = 0;
  }
  return numbers_[used_count_++];
}

}  // namespace penstock
