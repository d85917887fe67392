#include "io/threads/worker_pool.h"

#include <pthread.h>

#include "io/file_calls.h"

namespace penstock {

WorkerPool::WorkerPool(uint32_t thread_count, Doorbell& doorbell) : doorbell_(doorbell) {
  for (uint32_t index = 0; index < thread_count; ++index) {
    threads_.emplace_back([this] { work(); });
    ::pthread_setname_np(threads_.back().native_handle(), "penstock-disk");
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::submit(DiskRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push(request);
  }
  wanted_.notify_one();
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return stopping_ || !requests_.empty(); });
    if (stopping_) return;
    DiskRequest& request = requests_.pop();
    lock.unlock();
    const int descriptor = static_cast<int>(request.disk_private);
    request.disk_private = static_cast<uint64_t>(call_file_operation(request, descriptor));
    finished_.push(request);
    doorbell_.ring();
    lock.lock();
  }
}

}  // namespace penstock
