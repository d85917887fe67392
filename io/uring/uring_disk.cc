#include "io/uring/uring_disk.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "io/check.h"
#include "io/file_calls.h"

namespace penstock {
namespace {

constexpr uint8_t kRetryCountMax = 100;
constexpr size_t kTransferBytesMax = 1 << 30;

// A request's state while it is here, kept in its disk_private. done_bytes is what was moved so far, or what a plain
// call answered.
struct State {
  int32_t error_or_directory = 0;  // of a plain call, -errno; flush_directory: the descriptor
  uint8_t retry_count = 0;
  bool refused = false;  // request.error says why
  bool without_direct = false;
  uint8_t unused = 0;
};
static_assert(sizeof(State) == sizeof(DiskRequest::disk_private));

State state_of(const DiskRequest& request) { return std::bit_cast<State>(request.disk_private); }
void set_state(DiskRequest& request, const State& state) {
  request.disk_private = std::bit_cast<uint64_t>(state);
}

// The ring operation for a disk operation; -1: a plain call.
int ring_operation(DiskOperation operation) {
  switch (operation) {
    case DiskOperation::open: return IORING_OP_OPENAT;
    case DiskOperation::close: return IORING_OP_CLOSE;
    case DiskOperation::read: return IORING_OP_READ;
    case DiskOperation::write: return IORING_OP_WRITE;
    case DiskOperation::flush:
    case DiskOperation::flush_directory: return IORING_OP_FSYNC;
    case DiskOperation::allocate: return IORING_OP_FALLOCATE;
    case DiskOperation::rename: return IORING_OP_RENAMEAT;
    case DiskOperation::remove: return IORING_OP_UNLINKAT;
    case DiskOperation::make_directory: return IORING_OP_MKDIRAT;
    default: return -1;
  }
}

bool moves_bytes(DiskOperation operation) {
  return operation == DiskOperation::read || operation == DiskOperation::write;
}

}  // namespace

UringDisk::UringDisk(Ring& ring, const ArenaPools& pools, Reporter& reporter,
                     uint32_t open_files_max)
    : ring_(ring), files_(open_files_max, pools, reporter) {}

DiskFeatures UringDisk::features() const {
  return {.backend = "uring",
          .registered_buffers = ring_.has_registered_buffers(),
          .registered_files = ring_.has_registered_files()};
}

void UringDisk::submit(DiskRequest& request) {
  if (const auto error = files_.begin(request)) {
    request.error = *error;
    set_state(request, {.refused = true});
    ready_.push(request);
    return;
  }
  const int operation = ring_operation(request.operation);
  if (operation < 0 || !ring_.supports(operation)) {
    call_now(request);
    return;
  }
  if (request.operation == DiskOperation::flush_directory) {
    const int directory = ::open(request.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    set_state(request, {.error_or_directory = directory < 0 ? -errno : directory});
    if (directory < 0) {
      ready_.push(request);
      return;
    }
  }
  // The table's reference must go first, so that the close that follows is the last and frees the blocks of a removed
  // file where it runs: in a worker of the kernel.
  if (request.operation == DiskOperation::close) {
    ring_.set_file(SlotTable<int>::slot_of(request.file.value), -1);
  }
  start(request);
}

// Blocks for as long as the operation takes: only for those that are short and rare.
void UringDisk::call_now(DiskRequest& request) {
  const int descriptor = names_a_file(request.operation) ? files_.descriptor_of(request.file) : -1;
  const int64_t result = call_file_operation(request, descriptor);
  if (result < 0) {
    set_state(request, {.error_or_directory = static_cast<int32_t>(result)});
  } else {
    request.done_bytes = static_cast<uint64_t>(result);
  }
  ready_.push(request);
}

void UringDisk::start(DiskRequest& request) {
  if (!waiting_.empty() || !prepare(request)) waiting_.push(request);
}

void UringDisk::start_waiting() {
  while (!waiting_.empty() && prepare(waiting_.front())) {
    waiting_.pop();
  }
}

bool UringDisk::prepare(DiskRequest& request) {
  io_uring_sqe* entry = ring_.take_entry();
  if (entry == nullptr) return false;
  fill(entry, request);
  Ring::mark(entry, CompletionOf::disk, &request);
  return true;
}

void UringDisk::fill(io_uring_sqe* entry, DiskRequest& request) {
  const State state = state_of(request);
  switch (request.operation) {
    case DiskOperation::open: {
      int flags = open_flags(request.options, request.options.direct && !state.without_direct);
      if (state.without_direct) flags &= ~O_EXCL;  // the refused attempt may have made it
      ::io_uring_prep_openat(entry, AT_FDCWD, request.path, flags, kFileMode);
      break;
    }
    case DiskOperation::close:
      ::io_uring_prep_close(entry, files_.descriptor_of(request.file));
      entry->flags |= IOSQE_ASYNC;
      break;
    case DiskOperation::read:
    case DiskOperation::write: fill_transfer(entry, request); break;
    case DiskOperation::flush:
      ::io_uring_prep_fsync(entry, 0, IORING_FSYNC_DATASYNC);
      use_file(entry, request.file);
      break;
    case DiskOperation::flush_directory:
      ::io_uring_prep_fsync(entry, state.error_or_directory, 0);
      break;
    case DiskOperation::allocate:
      ::io_uring_prep_fallocate(entry, 0, 0, 0, static_cast<off_t>(request.position));
      use_file(entry, request.file);
      break;
    case DiskOperation::rename:
      ::io_uring_prep_renameat(entry, AT_FDCWD, request.path, AT_FDCWD, request.path_to, 0);
      break;
    case DiskOperation::remove:
      ::io_uring_prep_unlinkat(entry, AT_FDCWD, request.path, 0);
      entry->flags |= IOSQE_ASYNC;
      break;
    case DiskOperation::make_directory:
      ::io_uring_prep_mkdirat(entry, AT_FDCWD, request.path, kDirectoryMode);
      break;
    default: check(false);
  }
}

void UringDisk::fill_transfer(io_uring_sqe* entry, DiskRequest& request) {
  std::byte* bytes = request.bytes + request.done_bytes;
  const size_t length_bytes =
      std::min(request.length_bytes - request.done_bytes, kTransferBytesMax);
  const auto length = static_cast<unsigned>(length_bytes);
  const uint64_t position = request.position + request.done_bytes;
  const int index = length_bytes > 0 ? ring_.buffer_index(bytes, length_bytes) : -1;
  if (request.operation == DiskOperation::read) {
    if (index >= 0) {
      ::io_uring_prep_read_fixed(entry, 0, bytes, length, position, index);
    } else {
      ::io_uring_prep_read(entry, 0, bytes, length, position);
    }
  } else {
    if (index >= 0) {
      ::io_uring_prep_write_fixed(entry, 0, bytes, length, position, index);
    } else {
      ::io_uring_prep_write(entry, 0, bytes, length, position);
    }
    if (request.durable) entry->rw_flags = RWF_DSYNC;
  }
  use_file(entry, request.file);
}

void UringDisk::use_file(io_uring_sqe* entry, FileId file) {
  if (files_.registered(file)) {
    entry->fd = static_cast<int>(SlotTable<int>::slot_of(file.value));
    entry->flags |= IOSQE_FIXED_FILE;
  } else {
    entry->fd = files_.descriptor_of(file);
  }
}

uint64_t UringDisk::complete_ready() {
  uint64_t completed_count = 0;
  DiskRequest* request = ready_.take_all();
  while (request != nullptr) {
    DiskRequest* next = request->next;
    const State state = state_of(*request);
    if (state.refused) {
      OpenFiles::refuse(*request, request->error);
    } else if (state.error_or_directory < 0) {
      files_.end(*request, state.error_or_directory);
    } else {
      files_.end(*request, settle(*request, static_cast<int64_t>(request->done_bytes)));
    }
    ++completed_count;
    request = next;
  }
  return completed_count;
}

void UringDisk::complete(DiskRequest& request, int32_t result) {
  if (resume(request, result)) {
    start(request);
    return;
  }
  int64_t final_result = result;
  if (moves_bytes(request.operation) && result >= 0) {
    final_result = static_cast<int64_t>(request.done_bytes) + result;
    const bool whole = static_cast<size_t>(final_result) == request.length_bytes;
    if (request.operation == DiskOperation::write && !whole) final_result = -EIO;
  } else if (request.operation == DiskOperation::open && result >= 0) {
    final_result = settle_opened(result);
    if (final_result == 0) final_result = result;
  } else if (request.operation == DiskOperation::flush_directory) {
    ::close(state_of(request).error_or_directory);
  }
  count(request, final_result);
  files_.end(request, settle(request, final_result));
}

// The last touches to a result: a new file becomes known to the ring.
int64_t UringDisk::settle(DiskRequest& request, int64_t result) {
  const bool made =
      request.operation == DiskOperation::open || request.operation == DiskOperation::lock;
  if (!made || result < 0) return result;
  files_.set_registered(request.file, ring_.set_file(SlotTable<int>::slot_of(request.file.value),
                                                     static_cast<int>(result & ~kDirectRefused)));
  return state_of(request).without_direct ? result | kDirectRefused : result;
}

// True: the request is not done yet and goes to the ring again.
bool UringDisk::resume(DiskRequest& request, int32_t result) {
  if (request.operation == DiskOperation::open) return retry_open(request, result);
  if (!moves_bytes(request.operation)) return false;  // a flush above all is never tried twice
  return resume_transfer(request, result);
}

bool UringDisk::retry_open(DiskRequest& request, int32_t result) {
  State state = state_of(request);
  if (result == -EINVAL && request.options.direct && !state.without_direct) {
    state.without_direct = true;
    set_state(request, state);
    return true;
  }
  return false;
}

bool UringDisk::resume_transfer(DiskRequest& request, int32_t result) {
  State state = state_of(request);
  if (result == -EINTR || result == -EAGAIN) {
    if (state.retry_count == kRetryCountMax) return false;
    ++state.retry_count;
    set_state(request, state);
    return true;
  }
  if (result < 0) return false;
  const uint64_t moved_to = request.done_bytes + static_cast<uint64_t>(result);
  if (moved_to == request.length_bytes) return false;
  const uint64_t next = resume_point(moved_to, files_.direct(request.file));
  if (request.operation == DiskOperation::read) {
    if (result == 0 || next != moved_to) return false;  // the file's end
  } else if (next == request.done_bytes) {
    if (state.retry_count == kRetryCountMax) return false;
    ++state.retry_count;
    set_state(request, state);
  }
  request.done_bytes = next;
  return true;
}

}  // namespace penstock
