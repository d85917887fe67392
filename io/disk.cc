#include "io/disk.h"

#include <cerrno>

namespace penstock {

Error disk_error_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT: return Error::disk_full;
    case ENOENT:
    case ENOTDIR: return Error::not_found;
    case EEXIST: return Error::already_exists;
    case EWOULDBLOCK: return Error::locked;
    case EINVAL:
    case EOPNOTSUPP: return Error::unsupported;
    case ELOOP:
    case EISDIR: return Error::invalid_argument;
    case ECANCELED: return Error::cancelled;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return Error::busy;
    default: return Error::io;
  }
}

void complete_disk_request(DiskRequest& request, int64_t result) {
  request.failed = result < 0;
  if (result < 0) {
    request.error = disk_error_of(static_cast<int>(-result));
  } else {
    request.done_bytes = static_cast<uint64_t>(result);
  }
  request.on_complete(request);
}

void Disk::count(const DiskRequest& request, int64_t result) {
  const bool reads = request.operation == DiskOperation::read;
  const bool writes = request.operation == DiskOperation::write;
  if (!reads && !writes && request.operation != DiskOperation::flush) return;
  if (result < 0) {
    ++figures_.failure_count;
  } else if (reads) {
    ++figures_.read_count;
    figures_.read_bytes += static_cast<uint64_t>(result);
  } else if (writes) {
    ++figures_.write_count;
    figures_.written_bytes += static_cast<uint64_t>(result);
  }
}

Disk::Wait Disk::read(FileId file, uint64_t position, std::span<std::byte> bytes) {
  return Wait(*this, {.operation = DiskOperation::read,
                      .file = file,
                      .position = position,
                      .bytes = bytes.data(),
                      .length_bytes = bytes.size()});
}

Disk::Wait Disk::write(FileId file, uint64_t position, std::span<const std::byte> bytes,
                       bool durable) {
  return Wait(*this, {.operation = DiskOperation::write,
                      .durable = durable,
                      .file = file,
                      .position = position,
                      .bytes = const_cast<std::byte*>(bytes.data()),  // a write only reads them
                      .length_bytes = bytes.size()});
}

Disk::Wait Disk::flush(FileId file) {
  return Wait(*this, {.operation = DiskOperation::flush, .file = file});
}

Disk::Wait Disk::close(FileId file) {
  return Wait(*this, {.operation = DiskOperation::close, .file = file});
}

Disk::Wait Disk::allocate(FileId file, uint64_t length_bytes) {
  return Wait(*this,
              {.operation = DiskOperation::allocate, .file = file, .position = length_bytes});
}

Disk::Wait Disk::truncate(FileId file, uint64_t length_bytes) {
  return Wait(*this,
              {.operation = DiskOperation::truncate, .file = file, .position = length_bytes});
}

Disk::OpenWait Disk::open(const std::string& path, FileOptions options) {
  return OpenWait(*this,
                  {.operation = DiskOperation::open, .options = options, .path = path.c_str()});
}

Disk::OpenWait Disk::lock(const std::string& path) {
  return OpenWait(*this, {.operation = DiskOperation::lock, .path = path.c_str()});
}

Disk::Wait Disk::flush_directory(const std::string& path) {
  return Wait(*this, {.operation = DiskOperation::flush_directory, .path = path.c_str()});
}

Disk::Wait Disk::rename(const std::string& from, const std::string& to) {
  return Wait(*this,
              {.operation = DiskOperation::rename, .path = from.c_str(), .path_to = to.c_str()});
}

Disk::Wait Disk::remove(const std::string& path) {
  return Wait(*this, {.operation = DiskOperation::remove, .path = path.c_str()});
}

Disk::Wait Disk::make_directory(const std::string& path) {
  return Wait(*this, {.operation = DiskOperation::make_directory, .path = path.c_str()});
}

Disk::Wait Disk::list(const std::string& path, std::vector<DirectoryEntry>& entries) {
  return Wait(*this, {.operation = DiskOperation::list, .path = path.c_str(), .entries = &entries});
}

Disk::Wait Disk::stat(const std::string& path, FileInfo& info) {
  return Wait(*this, {.operation = DiskOperation::stat, .path = path.c_str(), .info = &info});
}

Disk::Wait Disk::free_space(const std::string& path) {
  return Wait(*this, {.operation = DiskOperation::free_space, .path = path.c_str()});
}

}  // namespace penstock
