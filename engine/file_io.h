// Small conveniences over the Disk door that several parts of the engine share.
#pragma once

#include <coroutine>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/doors.h"

namespace penstock {

// A block from the reactor's pool; when it is full, waits for one with a growing pause. Error::busy after ten seconds,
// Error::too_large above the largest block.
Task<Result<Buffer>> allocate_buffer(Doors& doors, size_t size_bytes);

// Several requests at once: submits all, resumes when the last is done. `co_await batch` gives the first error, in
// the order of the requests.
class DiskBatch {
 public:
  explicit DiskBatch(Disk& disk) : disk_(disk) {}
  DiskBatch(const DiskBatch&) = delete;
  DiskBatch& operator=(const DiskBatch&) = delete;

  void add(const DiskRequest& request) { requests_.push_back(request); }
  const DiskRequest& request(size_t number) const { return requests_[number]; }
  void clear() { requests_.clear(); }  // for another batch, in the same memory; none is under way

  bool await_ready() const { return requests_.empty(); }
  void await_suspend(std::coroutine_handle<> waiter);
  Result<void> await_resume() const;

 private:
  Disk& disk_;
  std::vector<DiskRequest> requests_;  // not grown once submitted
  size_t pending_count_ = 0;
  std::coroutine_handle<> waiter_;
};

// Reads all of a regular file of at most 64 MiB. Error::invalid_argument: not a regular file; Error::too_large.
Task<Result<std::vector<std::byte>>> read_small_file(Doors& doors, const std::string& path);

// Makes `path` hold `bytes` (padded with zeros to whole blocks): a new file beside it, flushed, renamed over it. The
// name is durable after the caller's flush_directory.
Task<Result<void>> replace_small_file(Doors& doors, const std::string& path,
                                      std::span<const std::byte> bytes);

// Told of a failed flush at once, before another completion is seen: what this reactor had written to the same disk, and
// not flushed, may be gone, and a later flush would not say so.
class FlushListener {
 public:
  virtual ~FlushListener() = default;
  void flush_failed(Error error) {
    ++failure_count_;
    fence_unflushed(error);
  }
  // Whoever writes and then flushes compares it: another's flush that failed in between took the bytes along.
  uint64_t failure_count() const { return failure_count_; }

 private:
  virtual void fence_unflushed(Error error) = 0;
  uint64_t failure_count_ = 0;
};

// Creates `path` as a new file of `file_bytes` allocated bytes that starts with `bytes`, flushed, and leaves it open.
// An old file of that name is removed first.
Task<Result<FileId>> create_file(Doors& doors, const std::string& path, uint64_t file_bytes,
                                 std::span<const std::byte> bytes,
                                 FlushListener* listener = nullptr);

}  // namespace penstock
