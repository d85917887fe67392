#include "io/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "io/check.h"

namespace penstock {

// Blocking: a ring's read of it waits in the ring, where a non-blocking one would answer EAGAIN.
Doorbell::Doorbell() : descriptor_(::eventfd(0, EFD_CLOEXEC)) {}

Doorbell::~Doorbell() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Doorbell::signal() const {
  const uint64_t one = 1;
  ssize_t written = 0;
  do {
    written = ::write(descriptor_, &one, sizeof one);
  } while (written < 0 && errno == EINTR);
  check(written == sizeof one);
}

}  // namespace penstock
