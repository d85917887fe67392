// File operations as plain, blocking system calls: the threads backend's workers run all of them, the ring's disk
// those that a ring does not have.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/disk.h"

namespace penstock {

// Added to the descriptor that an open answers: O_DIRECT was asked for and the file system has none.
inline constexpr int64_t kDirectRefused = int64_t{1} << 32;

// Does `request` on `descriptor` (unused where the operation names a path) and answers what
// complete_disk_request() expects, for open and lock a new descriptor. Changes nothing in `request` but what its
// pointers point to. Any thread.
int64_t call_file_operation(const DiskRequest& request, int descriptor);

// The flags of open(2) for `options`. With them a FIFO does not block the opener, and a symbolic link is refused.
int open_flags(const FileOptions& options, bool direct);
inline constexpr unsigned kFileMode = 0640;
inline constexpr unsigned kDirectoryMode = 0750;

// After an open with open_flags(): 0 when `descriptor` is a regular file, now ready for use; otherwise it is
// closed, and the answer is -errno.
int64_t settle_opened(int descriptor);

// A partly done transfer goes on here: a direct one may only go on at a block's start.
uint64_t resume_point(uint64_t done_bytes, bool direct);

}  // namespace penstock
