#include "io/open_files.h"

#include <sys/file.h>
#include <unistd.h>

#include "io/check.h"
#include "io/file_calls.h"

namespace penstock {
namespace {

bool moves_bytes(DiskOperation operation) {
  return operation == DiskOperation::read || operation == DiskOperation::write;
}

bool makes_a_file(DiskOperation operation) {
  return operation == DiskOperation::open || operation == DiskOperation::lock;
}

}  // namespace

bool names_a_file(DiskOperation operation) {
  switch (operation) {
    case DiskOperation::close:
    case DiskOperation::read:
    case DiskOperation::write:
    case DiskOperation::flush:
    case DiskOperation::allocate:
    case DiskOperation::truncate: return true;
    default: return false;
  }
}

OpenFiles::~OpenFiles() {
  files_.for_each_taken([](OpenFile& file) {
    if (file.descriptor >= 0) ::close(file.descriptor);
  });
}

std::optional<Error> OpenFiles::begin(DiskRequest& request) {
  request.failed = false;
  request.done_bytes = 0;
  request.disk_private = 0;
  if (makes_a_file(request.operation)) {
    request.file.value = files_.reserve();
    if (!request.file.valid()) return Error::busy;
    ++under_way_count_;
    return std::nullopt;
  }
  if (!names_a_file(request.operation)) {
    ++under_way_count_;
    return std::nullopt;
  }

  OpenFile& file = files_.at(request.file.value);
  if (request.operation == DiskOperation::close) {
    check(file.pending_count == 0);
    // The kernel may drop its last reference, and the lock with it, some time after the close.
    if (file.locked) ::flock(file.descriptor, LOCK_UN);
  }
  if (moves_bytes(request.operation)) {
    // The same wherever the file lies: a caller must not learn of it only on a file system with O_DIRECT.
    const uint64_t misaligned =
        request.position | request.length_bytes | reinterpret_cast<uintptr_t>(request.bytes);
    if (file.direct && misaligned % kDiskBlockBytes != 0) return Error::invalid_argument;
    pools_.pin(request.bytes, request.length_bytes);
    under_way_bytes_ += request.length_bytes;
  }
  ++under_way_count_;
  ++file.pending_count;
  return std::nullopt;
}

void OpenFiles::refuse(DiskRequest& request, Error error) {
  request.failed = true;
  request.error = error;
  request.on_complete(request);
}

void OpenFiles::end(DiskRequest& request, int64_t result) {
  --under_way_count_;
  if (makes_a_file(request.operation)) {
    adopt(request, result);
    if (result >= 0) result = 0;
  } else if (names_a_file(request.operation)) {
    if (moves_bytes(request.operation)) {
      pools_.unpin(request.bytes, request.length_bytes);
      under_way_bytes_ -= request.length_bytes;
    }
    --files_.at(request.file.value).pending_count;
    // A close that answers an error has closed nevertheless.
    if (request.operation == DiskOperation::close) files_.release(request.file.value);
  }
  complete_disk_request(request, result);
}

void OpenFiles::adopt(DiskRequest& request, int64_t result) {
  if (result < 0) {
    files_.release(request.file.value);
    request.file = FileId{};
    return;
  }
  OpenFile& file = files_.at(request.file.value);
  file.descriptor = static_cast<int>(result & ~kDirectRefused);
  file.direct = request.operation == DiskOperation::open && request.options.direct;
  file.locked = request.operation == DiskOperation::lock;
  if ((result & kDirectRefused) != 0) report_direct_refused(request.path);
}

void OpenFiles::report_direct_refused(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  reporter_.report(Severity::warning,
                   "the file system of " + directory +
                       " refuses O_DIRECT: its files go through the page cache, at the cost of a "
                       "copy and of memory");
}

}  // namespace penstock
