// The one stream of device flushes of a reactor and data directory.
//
// A flush is issued soon after the previous one is done, when the writes under way have completed or have been waited for
// long enough, and covers every write whose completion was seen before it was submitted; appends go on meanwhile. Where
// only blocks that were written before are dirty, one flush does for all files (docs/shared_flush.md): that of a file
// which is never written, and has nothing of its own for the file system to write. A file with fresh extents gets its own,
// all in parallel.
// A flush error is final for every log with unflushed writes here: none is tried again.
// Owned by a PartitionStore; only on its reactor.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/figures.h"
#include "engine/file_io.h"
#include "engine/log_writer.h"
#include "io/doors.h"
#include "io/event.h"

namespace penstock {

class FlushStream {
 public:
  struct Options {
    uint64_t interval_ns = 50'000'000;  // for logs nobody waits for
    bool shared = true;
  };
  // `listener` fences every log with unflushed writes in this directory.
  FlushStream(Doors& doors, Options options, FlushListener& listener);
  FlushStream(const FlushStream&) = delete;
  ~FlushStream();  // close() has completed

  // Before anything else. `quiet_path` names a file in the directory's file system that nobody writes to.
  Task<Result<void>> open(const std::string& quiet_path);

  // Whether one flush does for the written blocks of all files here.
  bool shared() const { return options_.shared; }

  // Writes what is no log's, side by side, durably: a flush of the logs' covers it where one does for all files and all of
  // it goes `over_written` blocks, which were written and flushed before. A failed flush has been told to the listener.
  Task<Result<void>> write(std::span<const DiskRequest> requests, bool over_written);

  // `writer` has written bytes that are not flushed; `now`: someone waits.
  void note(LogWriter& writer, bool now);
  void remove(LogWriter& writer);  // going away; no round covers it

  // A write is under way; it is done, and its writer noted if a flush is to cover it.
  void write_begun() { ++writes_under_way_; }
  void write_ended() {
    if (--writes_under_way_ == 0) gathered_.wake_all();
  }

  // A durable write of a log's own, which needed no flush.
  void count(uint64_t duration_ns, bool succeeded) {
    figures_.durations.add(duration_ns);
    if (!succeeded) ++figures_.failure_count;
  }
  const FlushFigures& figures() const { return figures_; }

  Task<void> close();  // waits for the round under way

 private:
  struct Covered {
    LogWriter* writer;
    uint64_t target;
  };

  void start();
  bool asked() const { return !listed_.empty() || wanted_round_ > begun_count_; }
  Task<void> rounds();
  Task<void> next_round();
  Task<void> gather();
  Task<Result<void>> flush_files();

  Doors& doors_;
  Options options_;
  FlushListener& listener_;
  FileId quiet_file_;
  std::vector<LogWriter*> listed_;
  // Counted from 1; the one that writes which are no log's wait for.
  uint64_t begun_count_ = 0;
  uint64_t done_count_ = 0;
  uint64_t wanted_round_ = 0;
  WaitQueue round_done_;
  // Of the round under way; they keep their memory from round to round.
  struct Mapping {
    Segment* segment;
    uint64_t completed_bytes;
  };
  std::vector<Covered> round_;
  std::vector<Mapping> fresh_;
  DiskBatch files_;
  FlushFigures figures_;
  uint32_t writes_under_way_ = 0;
  uint64_t last_duration_ns_ = 0;
  WaitQueue gathered_;
  bool running_ = false;
  bool wanted_ = false;
  bool closing_ = false;
  Timer timer_;
  TaskGroup tasks_;
};

}  // namespace penstock
