#include "io/uring/ring.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <string>
#include <system_error>
#include <vector>

#include "io/check.h"

namespace penstock {
namespace {

constexpr uint64_t kMarkMask = 7;
constexpr uint32_t kFailureCountMax = 5000;  // with a millisecond between them
constexpr uint64_t kWaitNsMax = 3600ull * 1'000'000'000;

// Best first. Deferred task work runs completions only when this thread asks for them.
struct FlagSet {
  unsigned flags;
  const char* missing;  // what to report when this set is the one that works
};
constexpr FlagSet kFlagSets[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
         IORING_SETUP_SUBMIT_ALL,
     nullptr},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
     "io_uring here lacks DEFER_TASKRUN (Linux 6.1): completions may run between requests"},
    {0,
     "io_uring here lacks COOP_TASKRUN (Linux 5.19): completions interrupt the reactors, which "
     "costs throughput"},
};

// What a ring must be able to do; everything else has a plain call to fall back to.
constexpr int kNeededOperations[] = {
    IORING_OP_READ,  IORING_OP_WRITE,  IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED,
    IORING_OP_FSYNC, IORING_OP_ACCEPT, IORING_OP_CONNECT,    IORING_OP_RECV,
    IORING_OP_SEND,  IORING_OP_CLOSE,  IORING_OP_SENDMSG,    IORING_OP_NOP,
};

std::string describe(int error_number) { return std::generic_category().message(error_number); }

}  // namespace

Result<std::unique_ptr<Ring>> Ring::make(uint32_t queue_depth, Reporter& reporter) {
  std::unique_ptr<Ring> ring(new Ring(reporter));
  const int result = ring->set_up(queue_depth);
  if (result < 0) return ring->give_up("it cannot be set up", -result);
  constexpr unsigned kFeatures =
      IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE;
  if ((ring->ring_.features & kFeatures) != kFeatures) {
    return ring->give_up("the kernel is older than 5.11", ENOSYS);
  }
  if (!ring->probe()) return ring->give_up("it lacks operations", EOPNOTSUPP);
  return ring;
}

Error Ring::give_up(const char* what, int error_number) {
  reporter_.report(Severity::warning, std::string("io_uring is not usable here: ") + what + " (" +
                                          describe(error_number) + ")");
  return error_number == EMFILE || error_number == ENFILE ? Error::busy : Error::unsupported;
}

int Ring::set_up(uint32_t queue_depth) {
  int result = -EINVAL;
  for (const FlagSet& set : kFlagSets) {
    io_uring_params parameters{};
    parameters.flags = set.flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    parameters.cq_entries = queue_depth * 4;
    result = ::io_uring_queue_init_params(queue_depth, &ring_, &parameters);
    if (result == -EINVAL) continue;
    if (result < 0) return result;
    set_up_ = true;
    if (set.missing != nullptr) reporter_.report(Severity::info, set.missing);
    return 0;
  }
  return result;
}

bool Ring::probe() {
  io_uring_probe* probe = ::io_uring_get_probe_ring(&ring_);
  if (probe == nullptr) return false;
  for (size_t operation = 0; operation < supported_.size(); ++operation) {
    supported_[operation] = ::io_uring_opcode_supported(probe, static_cast<int>(operation)) != 0;
  }
  ::io_uring_free_probe(probe);
  return std::ranges::all_of(kNeededOperations,
                             [this](int operation) { return supports(operation); });
}

Ring::~Ring() {
  if (set_up_) ::io_uring_queue_exit(&ring_);
}

void Ring::register_buffers(std::span<std::byte> arena) {
  std::vector<iovec> pieces;
  for (size_t at = 0; at < arena.size(); at += kRegisteredBytesMax) {
    pieces.push_back({arena.data() + at, std::min(kRegisteredBytesMax, arena.size() - at)});
  }
  const int result =
      ::io_uring_register_buffers(&ring_, pieces.data(), static_cast<unsigned>(pieces.size()));
  if (result == 0) {
    registered_ = arena;
    return;
  }
  reporter_.report(Severity::warning,
                   std::string("buffers are not registered with io_uring (") + describe(-result) +
                       "; raise the limit of locked memory): each disk request pins its pages");
}

void Ring::register_files(uint32_t capacity) {
  const int result = ::io_uring_register_files_sparse(&ring_, capacity);
  if (result == 0) {
    registered_file_count_ = capacity;
    return;
  }
  reporter_.report(Severity::warning, std::string("files are not registered with io_uring (") +
                                          describe(-result) +
                                          "): each disk request looks its file up");
}

int Ring::buffer_index(const std::byte* bytes, size_t length_bytes) const {
  if (!has_registered_buffers() || bytes < registered_.data()) return -1;
  const size_t first = static_cast<size_t>(bytes - registered_.data());
  if (first >= registered_.size() || length_bytes > registered_.size() - first) return -1;
  const size_t last = first + length_bytes - 1;
  if (first / kRegisteredBytesMax != last / kRegisteredBytesMax) return -1;
  return static_cast<int>(first / kRegisteredBytesMax);
}

bool Ring::set_file(uint32_t slot, int descriptor) {
  if (slot >= registered_file_count_) return false;
  return ::io_uring_register_files_update(&ring_, slot, &descriptor, 1) == 1;
}

io_uring_sqe* Ring::take_entry() {
  io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    note(::io_uring_submit(&ring_));
    entry = ::io_uring_get_sqe(&ring_);
  }
  if (entry != nullptr) ++figures_.submitted_count;
  return entry;
}

void Ring::mark(io_uring_sqe* entry, CompletionOf of, void* request) {
  const uint64_t address = reinterpret_cast<uint64_t>(request);
  check((address & kMarkMask) == 0);
  entry->user_data = address | static_cast<uint64_t>(of);
}

void Ring::submit() {
  if (::io_uring_sq_ready(&ring_) > 0) note(::io_uring_submit(&ring_));
}

void Ring::enter(uint64_t timeout_ns) {
  if (ready_count() > 0) timeout_ns = 0;
  if (timeout_ns > 0) {
    const uint64_t wait_ns = std::min(timeout_ns, kWaitNsMax);
    __kernel_timespec timeout{};
    timeout.tv_sec = static_cast<int64_t>(wait_ns / 1'000'000'000);
    timeout.tv_nsec = static_cast<int64_t>(wait_ns % 1'000'000'000);
    io_uring_cqe* first = nullptr;
    note(::io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr));
    return;
  }
  if (::io_uring_sq_ready(&ring_) > 0) {
    note(::io_uring_submit_and_get_events(&ring_));
    return;
  }
  // Nothing to submit: the kernel is asked only when it says that it holds something back.
  const unsigned flags = __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED);
  if ((flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0) {
    note(::io_uring_get_events(&ring_));
  }
}

// EBUSY and EAGAIN pass when completions were taken or memory is back; a kernel that refuses for seconds will not
// recover, and going on would spin for ever.
void Ring::note(int result) {
  ++figures_.enter_count;
  if (result >= 0 || result == -ETIME || result == -EINTR) {
    failure_count_ = 0;
    return;
  }
  ++failure_count_;
  const bool may_pass = result == -EAGAIN || result == -EBUSY || result == -ENOMEM;
  if (!may_pass || failure_count_ > kFailureCountMax) {
    reporter_.report(Severity::error,
                     std::string("io_uring_enter failed for good: ") + describe(-result));
    check(false);
  }
  if (failure_count_ > 1) ::usleep(1000);
}

Completion Ring::take_completion() {
  io_uring_cqe* entry = nullptr;
  check(::io_uring_peek_cqe(&ring_, &entry) == 0);
  const uint64_t address = entry->user_data & ~kMarkMask;
  const Completion completion{static_cast<CompletionOf>(entry->user_data & kMarkMask),
                              reinterpret_cast<void*>(address), entry->res};
  ::io_uring_cqe_seen(&ring_, entry);
  ++figures_.completed_count;
  return completion;
}

}  // namespace penstock
