// One reactor's io_uring with the disk and the network on it.

#include <unistd.h>

#include "io/backend.h"
#include "io/check.h"
#include "io/uring/ring.h"
#include "io/uring/uring_disk.h"
#include "io/uring/uring_network.h"

namespace penstock {
namespace {

class UringBackend final : public Backend {
 public:
  UringBackend(std::unique_ptr<Ring> ring, const BackendParts& parts)
      : ring_(std::move(ring)),
        doorbell_(parts.doorbell),
        disk_(*ring_, parts.pools, parts.reporter, parts.open_files_max),
        network_(*ring_, parts.pools, parts.sockets_max) {}
  ~UringBackend() override { ring_.reset(); }  // first: ends what the kernel still holds

  Disk& disk() override { return disk_; }
  Network& network() override { return network_; }
  bool disk_awaits_nothing() const override { return disk_.awaits_nothing(); }
  bool disk_awaits_little() const override { return disk_.awaits_little(); }
  bool has_ready() const override { return disk_.has_ready() || network_.has_ready(); }
  RingFigures ring_figures() const override { return ring_->figures(); }

  void submit() override { ring_->submit(); }

  uint64_t poll(uint64_t timeout_ns) override {
    disk_.start_waiting();
    network_.start_waiting();
    listen_for_doorbell();
    ring_->enter(has_ready() ? 0 : timeout_ns);
    if (timeout_ns > 0) note_woken();
    uint64_t completed_count = disk_.complete_ready() + network_.complete_ready();
    // Those that arrive meanwhile wait for the next turn.
    for (uint32_t left = ring_->ready_count(); left > 0; --left) {
      dispatch(ring_->take_completion());
      ++completed_count;
    }
    return completed_count;
  }

 private:
  void listen_for_doorbell() {
    if (doorbell_awaited_) return;
    io_uring_sqe* entry = ring_->take_entry();
    if (entry == nullptr) return;  // the queue is full of work: this reactor will not sleep long
    ::io_uring_prep_read(entry, doorbell_.descriptor(), &doorbell_count_, sizeof doorbell_count_,
                         0);
    Ring::mark(entry, CompletionOf::doorbell, nullptr);
    doorbell_awaited_ = true;
  }

  void dispatch(const Completion& completion) {
    switch (completion.of) {
      case CompletionOf::disk:
        disk_.complete(*static_cast<DiskRequest*>(completion.request), completion.result);
        break;
      case CompletionOf::network:
        network_.complete(*static_cast<NetworkRequest*>(completion.request), completion.result);
        break;
      case CompletionOf::doorbell: doorbell_awaited_ = false; break;
    }
  }

  std::unique_ptr<Ring> ring_;
  Doorbell& doorbell_;
  UringDisk disk_;
  UringNetwork network_;
  uint64_t doorbell_count_ = 0;  // the kernel writes it
  bool doorbell_awaited_ = false;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_uring_backend(const BackendParts& parts) {
  auto ring = Ring::make(parts.queue_depth, parts.reporter);
  if (!ring.ok()) return ring.error();
  ring.value()->register_buffers(parts.pools.arena_bytes());
  ring.value()->register_files(parts.open_files_max);
  std::unique_ptr<Backend> backend = std::make_unique<UringBackend>(std::move(ring).value(), parts);
  return backend;
}

}  // namespace penstock
