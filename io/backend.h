// The kernel interface under one reactor: its disk, its network, and what it sleeps in.
//
// Made, used and destroyed on the reactor's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "io/arena_pools.h"
#include "io/disk.h"
#include "io/doorbell.h"
#include "io/figures.h"
#include "io/kernel_clock.h"
#include "io/network.h"
#include "io/report.h"
#include "io/result.h"

namespace penstock {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Disk& disk() = 0;
  virtual Network& network() = 0;

  // One turn: hands new requests to the kernel, waits at most `timeout_ns` for something to happen (0: looks only),
  // runs what completed. Returns how many completions it ran.
  virtual uint64_t poll(uint64_t timeout_ns) = 0;

  // Hands new requests to the kernel now: before whoever works for long, for the disk can be at them meanwhile.
  virtual void submit() {}

  // What the disk is at: nothing, or so little that it is not worth falling asleep.
  virtual bool disk_awaits_nothing() const = 0;
  virtual bool disk_awaits_little() const = 0;

  // Something has completed already: a poll would not wait.
  virtual bool has_ready() const = 0;

  // When the last poll that was told to wait had done so (monotonic, of KernelClock).
  uint64_t woken_ns() const { return woken_ns_; }
  virtual RingFigures ring_figures() const { return {}; }

 protected:
  void note_woken() { woken_ns_ = KernelClock::now_ns(); }

 private:
  uint64_t woken_ns_ = 0;
};

struct BackendParts {
  Doorbell& doorbell;
  const ArenaPools& pools;
  Reporter& reporter;
  uint32_t queue_depth;
  uint32_t open_files_max;
  uint32_t sockets_max;
};

// Error::unsupported: no usable io_uring here, and `reporter` was told why. Error::busy: a limit was hit.
Result<std::unique_ptr<Backend>> make_uring_backend(const BackendParts& parts);
Result<std::unique_ptr<Backend>> make_threads_backend(const BackendParts& parts);

}  // namespace penstock
