// The segment files that are open, on one reactor: opened at their first use, closed again when there are too many.
//
// A file's header block is checked whenever it is opened, so that nothing is read from, or written to, a file of another
// partition or of another life. A file stays open while its segment is pinned or marked as being written; of the others
// those not used for longest are closed when there are more than Options::files_max.
// Owned by a PartitionStore; only on its reactor. Close order: every segment is closed, then close().
#pragma once

#include <cstddef>
#include <string>

#include "engine/recency.h"
#include "engine/segment.h"
#include "io/doors.h"
#include "io/event.h"

namespace penstock {

class OpenSegments {
 public:
  struct Options {
    size_t files_max = 4096;
  };
  OpenSegments(Doors& doors, Options options) : doors_(doors), options_(options) {}
  OpenSegments(const OpenSegments&) = delete;

  // Opens the file of `segment`, which is pinned or marked as being written, unless it is open. Error::corrupt: it is not
  // what the journal says; busy, io. `reason` says in what, but for busy.
  Task<Result<void>> open(Segment& segment, const PartitionKey& key, std::string& reason);

  // It is open, and read from now.
  void use(Segment& segment);

  // `file` is open and `segment`'s.
  void adopt(Segment& segment, FileId file);

  // From hold() to release() it is being written, and stays open once it is.
  void hold(Segment& segment);
  void release(Segment& segment);

  // Nobody uses the file any more, or is going to.
  Task<void> close(Segment& segment);

  size_t open_count() const { return open_count_; }

  Task<void> close();  // waits for those under way

 private:
  Task<Result<void>> check_file(const Segment& segment, const PartitionKey& key, FileId file,
                                std::string& reason);
  bool close_oldest();
  void close_surplus();
  Task<void> close_file(FileId file);

  Doors& doors_;
  Options options_;
  RecencyList<Segment, OpenFileUse> used_;  // open, and not being written
  size_t open_count_ = 0;
  TaskGroup closing_;
};

}  // namespace penstock
