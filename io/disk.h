// Files: the engine's only door to a disk.
//
// One request object per operation, owned by the caller (usually inside an awaiter in its coroutine frame) until it
// completes; the kernel may own its bytes until then. A Disk belongs to one reactor and is called only there;
// completions run there too, from the reactor's loop or, for an error found at once, on its next turn: never inside
// submit().
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/figures.h"
#include "io/result.h"

namespace penstock {

// An open file of one Disk. Not a descriptor.
struct FileId {
  static constexpr uint32_t kNone = ~uint32_t{0};
  uint32_t value = kNone;
  bool valid() const { return value != kNone; }
  friend bool operator==(FileId, FileId) = default;
};

// O_DIRECT's unit: positions, lengths and memory of a file opened with `direct` are multiples of it.
inline constexpr size_t kDiskBlockBytes = 4096;
constexpr uint64_t block_floor(uint64_t bytes) { return bytes / kDiskBlockBytes * kDiskBlockBytes; }
constexpr uint64_t block_ceiling(uint64_t bytes) {
  return block_floor(bytes + kDiskBlockBytes - 1);
}

enum class DiskOperation : uint8_t {
  open,             // path -> file; FileOptions
  close,            // file
  read,             // file, position, bytes -> bytes read, short only at the file's end
  write,            // file, position, bytes -> all of them, or an error
  flush,            // file: its data and what metadata is needed to read it back (fdatasync)
  flush_directory,  // path: the names in it
  allocate,  // file, position = length: blocks for [0, length), size grows to it (fallocate mode 0)
  truncate,  // file, position = length
  rename,    // path -> path_to, replacing it
  remove,    // path
  make_directory,  // path; already_exists if there
  list,            // path -> entries
  stat,            // path -> info; symbolic links are not followed
  lock,  // path -> file: created if absent, locked against other processes, never waits: Error::locked
  free_space,  // path -> free bytes on its file system
};

struct FileOptions {
  bool create = false;  // make it; Error::already_exists if it is there
  bool write = true;    // else read only
  bool direct =
      true;  // O_DIRECT where the file system has it (silently buffered where not; see Disk::features)
};

enum class FileKind : uint8_t { regular, directory, other };

struct FileInfo {
  FileKind kind = FileKind::other;
  uint64_t size_bytes = 0;
  uint64_t link_count = 0;
  bool shared_extents =
      false;  // has blocks shared with another file (reflink); only where the system can tell
};

struct DirectoryEntry {
  std::string name;  // without the directory
  FileKind kind = FileKind::other;
};

class Disk;

// One operation. Fill in, submit, and leave alone until `on_complete`.
struct DiskRequest {
  using OnComplete = void (*)(DiskRequest&);

  DiskOperation operation = DiskOperation::read;
  bool durable = false;  // write: this write is on stable storage when it completes (RWF_DSYNC)
  FileOptions options;   // open
  FileId file;           // in; out for open and lock
  uint64_t position = 0;
  std::byte* bytes = nullptr;
  size_t length_bytes = 0;
  const char* path = nullptr;                      // NUL-terminated, stays put
  const char* path_to = nullptr;                   // rename
  FileInfo* info = nullptr;                        // stat
  std::vector<DirectoryEntry>* entries = nullptr;  // list

  OnComplete on_complete = nullptr;
  void* owner = nullptr;  // for on_complete's use

  // Set before on_complete runs.
  Error error{};
  bool failed = false;
  uint64_t done_bytes = 0;  // read: how many; free_space: how many

  DiskRequest* next = nullptr;  // the disk's, while it holds the request
  uint64_t disk_private = 0;    // the disk's
};

// What this disk really does, for logs and `doctor`.
struct DiskFeatures {
  const char* backend = "";  // "uring", "threads", "simulated"
  bool registered_buffers = false;
  bool registered_files = false;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual void submit(DiskRequest& request) = 0;
  virtual DiskFeatures features() const = 0;
  const DiskFigures& figures() const { return figures_; }

  // Awaitables. Everything named by reference stays put until they are done: bind them to named variables or to the
  // arguments of the same co_await expression.
  class Wait;
  class OpenWait;
  Wait read(FileId file, uint64_t position, std::span<std::byte> bytes);  // value: bytes read
  Wait write(FileId file, uint64_t position, std::span<const std::byte> bytes,
             bool durable = false);
  Wait flush(FileId file);
  Wait close(FileId file);
  Wait allocate(FileId file, uint64_t length_bytes);
  Wait truncate(FileId file, uint64_t length_bytes);
  OpenWait open(const std::string& path, FileOptions options);
  OpenWait lock(const std::string& path);
  Wait flush_directory(const std::string& path);
  Wait rename(const std::string& from, const std::string& to);
  Wait remove(const std::string& path);
  Wait make_directory(const std::string& path);
  Wait list(const std::string& path, std::vector<DirectoryEntry>& entries);  // in no order
  Wait stat(const std::string& path, FileInfo& info);
  Wait free_space(const std::string& path);  // value: free bytes

 protected:
  // By the implementation, before it completes `request`.
  void count(const DiskRequest& request, int64_t result);

 private:
  DiskFigures figures_;
};

// Completes `request` with the kernel's result (>= 0, or -errno) for backends: sets error or done_bytes and calls
// on_complete. Backends resubmit short writes themselves before they call it.
void complete_disk_request(DiskRequest& request, int64_t result);

// The Error for an errno from a file operation.
Error disk_error_of(int error_number);

class Disk::Wait {
 public:
  Wait(Disk& disk, const DiskRequest& what) : request(what), disk_(&disk) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    request.owner = this;
    request.on_complete = [](DiskRequest& done) {
      static_cast<Wait*>(done.owner)->waiter_.resume();
    };
    disk_->submit(request);
  }
  Result<uint64_t> await_resume() const {
    if (request.failed) return request.error;
    return request.done_bytes;
  }

  DiskRequest request;

 private:
  Disk* disk_;
  std::coroutine_handle<> waiter_;
};

class Disk::OpenWait : public Disk::Wait {
 public:
  using Wait::Wait;
  Result<FileId> await_resume() const {
    if (request.failed) return request.error;
    return request.file;
  }
};

}  // namespace penstock
