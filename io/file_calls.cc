#include "io/file_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string_view>

namespace penstock {
namespace {

constexpr int kRetryCountMax = 100;
constexpr size_t kTransferBytesMax = 1 << 30;

int64_t answer(int64_t result) { return result < 0 ? -errno : result; }

FileKind kind_of_mode(unsigned mode) {
  if (S_ISREG(mode)) return FileKind::regular;
  return S_ISDIR(mode) ? FileKind::directory : FileKind::other;
}

int64_t call_open(const DiskRequest& request) {
  const int flags = open_flags(request.options, request.options.direct);
  int descriptor = ::open(request.path, flags, kFileMode);
  int64_t direct_refused = 0;
  if (descriptor < 0 && errno == EINVAL && request.options.direct) {
    // A refused O_DIRECT may have left the new file behind: it is ours.
    descriptor = ::open(request.path, open_flags(request.options, false) & ~O_EXCL, kFileMode);
    direct_refused = kDirectRefused;
  }
  if (descriptor < 0) return -errno;
  const int64_t settled = settle_opened(descriptor);
  return settled < 0 ? settled : descriptor | direct_refused;
}

int64_t call_lock(const char* path) {
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const int descriptor = ::open(path, flags, kFileMode);
  if (descriptor < 0) return -errno;
  const int64_t settled = settle_opened(descriptor);
  if (settled < 0) return settled;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  const int error_number = errno;
  ::close(descriptor);
  return -error_number;
}

ssize_t transfer(const DiskRequest& request, int descriptor, uint64_t done_bytes) {
  const iovec piece{request.bytes + done_bytes,
                    std::min(request.length_bytes - done_bytes, kTransferBytesMax)};
  const off_t position = static_cast<off_t>(request.position + done_bytes);
  if (request.operation == DiskOperation::read) {
    return ::preadv(descriptor, &piece, 1, position);
  }
  return ::pwritev2(descriptor, &piece, 1, position, request.durable ? RWF_DSYNC : 0);
}

int64_t call_transfer(const DiskRequest& request, int descriptor) {
  const bool direct = (::fcntl(descriptor, F_GETFL) & O_DIRECT) != 0;
  uint64_t done_bytes = 0;
  int retry_count = 0;
  while (done_bytes < request.length_bytes) {
    const ssize_t moved = transfer(request, descriptor, done_bytes);
    if (moved < 0) {
      if ((errno != EINTR && errno != EAGAIN) || ++retry_count > kRetryCountMax) return -errno;
      continue;
    }
    if (moved == 0 && request.operation == DiskOperation::write) return -EIO;
    const uint64_t moved_to = done_bytes + static_cast<uint64_t>(moved);
    if (moved_to == request.length_bytes) return static_cast<int64_t>(moved_to);
    const uint64_t next = resume_point(moved_to, direct);
    if (request.operation == DiskOperation::read && (moved == 0 || next != moved_to)) {
      return static_cast<int64_t>(moved_to);  // the file's end
    }
    if (next == done_bytes && ++retry_count > kRetryCountMax) return -EIO;
    done_bytes = next;
  }
  return static_cast<int64_t>(done_bytes);
}

int64_t call_flush_directory(const char* path) {
  const int descriptor = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  const int64_t result = answer(::fsync(descriptor));
  ::close(descriptor);
  return result;
}

int64_t call_stat(const char* path, FileInfo& info) {
  struct stat status {};
  if (::lstat(path, &status) < 0) return -errno;
  info = {.kind = kind_of_mode(status.st_mode),
          .size_bytes = static_cast<uint64_t>(status.st_size),
          .link_count = static_cast<uint64_t>(status.st_nlink)};
  return 0;
}

FileKind kind_of_entry(DIR* directory, const dirent& entry) {
  if (entry.d_type == DT_REG) return FileKind::regular;
  if (entry.d_type == DT_DIR) return FileKind::directory;
  struct stat status {};
  if (entry.d_type != DT_UNKNOWN ||
      ::fstatat(::dirfd(directory), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
    return FileKind::other;
  }
  return kind_of_mode(status.st_mode);
}

int64_t call_list(const char* path, std::vector<DirectoryEntry>& entries) {
  DIR* directory = ::opendir(path);
  if (directory == nullptr) return -errno;
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      entries.push_back({std::string(name), kind_of_entry(directory, *entry)});
    }
    errno = 0;
  }
  const int error_number = errno;
  ::closedir(directory);
  return -error_number;
}

int64_t call_free_space(const char* path) {
  struct statvfs status {};
  if (::statvfs(path, &status) < 0) return -errno;
  return static_cast<int64_t>(status.f_bavail * status.f_frsize);
}

}  // namespace

int open_flags(const FileOptions& options, bool direct) {
  return O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (options.write ? O_RDWR : O_RDONLY) |
         (options.create ? O_CREAT | O_EXCL : 0) | (direct ? O_DIRECT : 0);
}

int64_t settle_opened(int descriptor) {
  struct stat status {};
  int error_number = 0;
  if (::fstat(descriptor, &status) < 0) {
    error_number = errno;
  } else if (!S_ISREG(status.st_mode)) {
    error_number = S_ISDIR(status.st_mode) ? EISDIR : ELOOP;
  } else {
    // A ring answers EAGAIN for what would block on a file that was opened non-blocking.
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (::fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0) return 0;
    error_number = errno;
  }
  ::close(descriptor);
  return -error_number;
}

uint64_t resume_point(uint64_t done_bytes, bool direct) {
  return direct ? done_bytes / kDiskBlockBytes * kDiskBlockBytes : done_bytes;
}

int64_t call_file_operation(const DiskRequest& request, int descriptor) {
  switch (request.operation) {
    case DiskOperation::open: return call_open(request);
    case DiskOperation::close: return answer(::close(descriptor));
    case DiskOperation::read:
    case DiskOperation::write: return call_transfer(request, descriptor);
    case DiskOperation::flush: return answer(::fdatasync(descriptor));
    case DiskOperation::flush_directory: return call_flush_directory(request.path);
    case DiskOperation::allocate:
      return answer(::fallocate(descriptor, 0, 0, static_cast<off_t>(request.position)));
    case DiskOperation::truncate:
      return answer(::ftruncate(descriptor, static_cast<off_t>(request.position)));
    case DiskOperation::rename: return answer(::rename(request.path, request.path_to));
    case DiskOperation::remove: return answer(::unlink(request.path));
    case DiskOperation::make_directory: return answer(::mkdir(request.path, kDirectoryMode));
    case DiskOperation::list: return call_list(request.path, *request.entries);
    case DiskOperation::stat: return call_stat(request.path, *request.info);
    case DiskOperation::lock: return call_lock(request.path);
    case DiskOperation::free_space: return call_free_space(request.path);
  }
  return -EINVAL;
}

}  // namespace penstock
