// A few threads that run one disk's blocking calls, each finished one handed back to the reactor.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "io/disk.h"
#include "io/doorbell.h"
#include "io/fifo.h"
#include "io/inbox.h"

namespace penstock {

class WorkerPool {
 public:
  WorkerPool(uint32_t thread_count, Doorbell& doorbell);
  WorkerPool(const WorkerPool&) = delete;
  ~WorkerPool();  // lets the workers finish what they have begun

  // Runs `request` on the descriptor in its disk_private, where the result then stands when it is taken back.
  void submit(DiskRequest& request);

  // Finished requests, linked by `next`. Only the reactor.
  DiskRequest* take_finished() { return finished_.take_all(); }
  bool has_finished() const { return !finished_.empty(); }

 private:
  void work();

  Doorbell& doorbell_;
  Inbox<DiskRequest> finished_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  Fifo<DiskRequest> requests_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace penstock
