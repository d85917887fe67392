// Files through an io_uring; what the ring does not have is a plain call whose completion waits for the next turn.
#pragma once

#include <string>

#include "io/arena_pools.h"
#include "io/disk.h"
#include "io/fifo.h"
#include "io/open_files.h"
#include "io/uring/ring.h"

namespace penstock {

class UringDisk final : public Disk {
 public:
  UringDisk(Ring& ring, const ArenaPools& pools, Reporter& reporter, uint32_t open_files_max);

  void submit(DiskRequest& request) override;
  DiskFeatures features() const override;

  // For the backend's poll.
  bool awaits_nothing() const { return files_.awaits_nothing(); }
  bool awaits_little() const { return files_.awaits_little(); }
  bool has_ready() const { return !ready_.empty(); }
  uint64_t complete_ready();
  void start_waiting();  // those that found the submission queue full
  void complete(DiskRequest& request, int32_t result);

 private:
  void start(DiskRequest& request);
  bool prepare(DiskRequest& request);
  void fill(io_uring_sqe* entry, DiskRequest& request);
  void fill_transfer(io_uring_sqe* entry, DiskRequest& request);
  void use_file(io_uring_sqe* entry, FileId file);
  void call_now(DiskRequest& request);
  bool resume(DiskRequest& request, int32_t result);
  bool retry_open(DiskRequest& request, int32_t result);
  bool resume_transfer(DiskRequest& request, int32_t result);
  int64_t settle(DiskRequest& request, int64_t result);

  Ring& ring_;
  OpenFiles files_;
  Fifo<DiskRequest> waiting_;
  Fifo<DiskRequest> ready_;
};

}  // namespace penstock
