// One reactor without io_uring: an epoll instance for sockets and the doorbell, worker threads for files.

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "io/backend.h"
#include "io/check.h"
#include "io/threads/epoll_network.h"
#include "io/threads/threads_disk.h"

namespace penstock {
namespace {

constexpr uint64_t kDoorbellTag = ~uint64_t{0};
constexpr uint64_t kWaitNsMax = 3600ull * 1'000'000'000;

// Waits in nanoseconds where the kernel can (5.11), in milliseconds, rounded up, where it cannot.
int wait_for_events(int epoll_descriptor, std::span<epoll_event> events, uint64_t timeout_ns) {
  const int count_max = static_cast<int>(events.size());
  timeout_ns = std::min(timeout_ns, kWaitNsMax);
  if (timeout_ns > 0) {
    const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
                           static_cast<long>(timeout_ns % 1'000'000'000)};
    const int count = ::epoll_pwait2(epoll_descriptor, events.data(), count_max, &timeout, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
  }
  const auto timeout_ms = static_cast<int>((timeout_ns + 999'999) / 1'000'000);
  return ::epoll_wait(epoll_descriptor, events.data(), count_max, timeout_ms);
}

class Epoll {
 public:
  Epoll() : descriptor_(::epoll_create1(EPOLL_CLOEXEC)) {}
  Epoll(const Epoll&) = delete;
  ~Epoll() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

class ThreadsBackend final : public Backend {
 public:
  explicit ThreadsBackend(const BackendParts& parts)
      : doorbell_(parts.doorbell),
        disk_(parts.doorbell, parts.pools, parts.reporter, parts.open_files_max),
        network_(epoll_.descriptor(), parts.pools, parts.sockets_max) {}

  bool watch_doorbell() {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kDoorbellTag;
    return epoll_.descriptor() >= 0 &&
           ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_ADD, doorbell_.descriptor(), &event) == 0;
  }

  Disk& disk() override { return disk_; }
  Network& network() override { return network_; }
  bool disk_awaits_nothing() const override { return disk_.awaits_nothing(); }
  bool disk_awaits_little() const override { return disk_.awaits_little(); }
  bool has_ready() const override { return disk_.has_ready() || network_.has_ready(); }

  uint64_t poll(uint64_t timeout_ns) override {
    std::array<epoll_event, 128> events{};
    const int count = wait_for_events(epoll_.descriptor(), events, has_ready() ? 0 : timeout_ns);
    if (timeout_ns > 0) note_woken();
    check(count >= 0 || errno == EINTR);
    for (int index = 0; index < count; ++index) {
      const epoll_event& event = events[static_cast<size_t>(index)];
      if (event.data.u64 == kDoorbellTag) {
        silence_doorbell();
      } else {
        network_.on_event(static_cast<uint32_t>(event.data.u64), event.events);
      }
    }
    return disk_.complete_ready() + network_.complete_ready();
  }

 private:
  void silence_doorbell() {
    uint64_t count = 0;
    const ssize_t taken = ::read(doorbell_.descriptor(), &count, sizeof count);
    check(taken == sizeof count || errno == EINTR);
  }

  Epoll epoll_;
  Doorbell& doorbell_;
  ThreadsDisk disk_;
  EpollNetwork network_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_threads_backend(const BackendParts& parts) {
  auto threads_backend = std::make_unique<ThreadsBackend>(parts);
  if (!threads_backend->watch_doorbell()) return Error::busy;
  std::unique_ptr<Backend> backend = std::move(threads_backend);
  return backend;
}

}  // namespace penstock
