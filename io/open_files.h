// The descriptors behind one disk's FileIds, and what both real disks do around an operation: refuse what makes no
// sense, note that file and bytes are in use, and hand out the result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/arena_pools.h"
#include "io/disk.h"
#include "io/report.h"
#include "io/slot_table.h"

namespace penstock {

// Works on `file`; the others on a path.
bool names_a_file(DiskOperation operation);

class OpenFiles {
 public:
  OpenFiles(uint32_t capacity, const ArenaPools& pools, Reporter& reporter)
      : files_(capacity), pools_(pools), reporter_(reporter) {}
  OpenFiles(const OpenFiles&) = delete;
  ~OpenFiles();  // closes what was left open

  // First thing in submit(). An error: the request is to complete with it, on the next turn, through refuse().
  std::optional<Error> begin(DiskRequest& request);
  static void refuse(DiskRequest& request, Error error);

  // Last thing: `result` is >= 0 (open and lock: the descriptor, perhaps with kDirectRefused) or -errno.
  // Calls on_complete.
  void end(DiskRequest& request, int64_t result);

  int descriptor_of(FileId file) const { return files_.at(file.value).descriptor; }
  bool direct(FileId file) const { return files_.at(file.value).direct; }

  // Something is under way, and it is little: it will be done within the time that waking from sleep takes.
  bool awaits_little() const {
    constexpr uint64_t kLittleCount = 2;
    constexpr uint64_t kLittleBytes = 128 << 10;
    return under_way_count_ > 0 && under_way_count_ <= kLittleCount &&
           under_way_bytes_ <= kLittleBytes;
  }
  bool awaits_nothing() const { return under_way_count_ == 0; }

  // Whether a ring knows the file by its slot; the ring's disk says so.
  bool registered(FileId file) const { return files_.at(file.value).registered; }
  void set_registered(FileId file, bool registered) {
    files_.at(file.value).registered = registered;
  }

 private:
  struct OpenFile {
    int descriptor = -1;
    bool direct = false;
    bool locked = false;
    bool registered = false;
    uint32_t pending_count = 0;
  };
  void adopt(DiskRequest& request, int64_t result);
  void report_direct_refused(const std::string& path);

  SlotTable<OpenFile> files_;
  uint64_t under_way_count_ = 0;  // requests begun and not ended
  uint64_t under_way_bytes_ = 0;
  const ArenaPools& pools_;
  Reporter& reporter_;
};

}  // namespace penstock
