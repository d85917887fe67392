// Files through blocking calls on worker threads, for machines without a usable io_uring.
#pragma once

#include "io/arena_pools.h"
#include "io/disk.h"
#include "io/doorbell.h"
#include "io/fifo.h"
#include "io/open_files.h"
#include "io/threads/worker_pool.h"

namespace penstock {

class ThreadsDisk final : public Disk {
 public:
  ThreadsDisk(Doorbell& doorbell, const ArenaPools& pools, Reporter& reporter,
              uint32_t open_files_max);

  void submit(DiskRequest& request) override;
  DiskFeatures features() const override { return {.backend = "threads"}; }

  // For the backend's poll.
  bool awaits_nothing() const { return files_.awaits_nothing(); }
  bool awaits_little() const { return files_.awaits_little(); }
  bool has_ready() const { return !refused_.empty() || workers_.has_finished(); }
  uint64_t complete_ready();

 private:
  OpenFiles files_;
  Fifo<DiskRequest> refused_;  // request.error says why
  WorkerPool workers_;         // last: its threads end before the files close
};

}  // namespace penstock
