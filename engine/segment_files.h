// Segment files between their lives: recycled where one fits, made where none does, deleted where too many lie about.
//
// Which files are in the pool is the journal's knowledge; this class knows which of them may be taken: those that nobody
// reads any more, and nobody has taken without the journal knowing yet. Owned by a PartitionStore; only on its reactor.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/flush_stream.h"
#include "engine/journal.h"
#include "engine/segment_header.h"
#include "io/doors.h"

namespace penstock {

class SegmentFiles {
 public:
  struct Options {
    std::vector<uint64_t> class_bytes = {1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20};
    uint64_t pool_bytes_max = uint64_t{1} << 30;
    uint64_t ahead_bytes_max = 512 << 20;  // prepared before they are needed, over all partitions
    uint64_t free_bytes_min = 512 << 20;   // with less room on the disk there is no pool
  };
  // A file at rest, open and of its whole size: nobody's yet.
  struct Prepared {
    uint64_t file_number = 0;
    uint64_t file_bytes = 0;
    uint64_t written_bytes = 0;
    FileId file;
    bool ahead = false;  // counted in what is prepared ahead
  };
  struct Taken {
    SegmentState state;
    FileId file;
  };

  SegmentFiles(Doors& doors, std::string directory, TopicId directory_id, Journal& journal,
               FlushStream& flushes, FlushListener& listener, Options options);

  // The journal has been created: all that its pool has may be taken.
  void begin();

  // A file of class `size_class` or the first one above with room for `bytes_min`; on a full disk, one of any class with
  // that room. It is open, its name durable; the slow part of take(), to be done ahead. Then take() or put_back() it.
  // Error::disk_full, io, busy; too_large if no class has the room.
  Task<Result<Prepared>> prepare(size_t size_class, uint64_t bytes_min);
  Task<void> put_back(Prepared prepared);
  // The same before the file is needed; only while may_prepare_ahead(size_class).
  Task<Result<Prepared>> prepare_ahead(size_t size_class);
  bool may_prepare_ahead(size_t size_class) const {
    return ahead_bytes_ + class_bytes(size_class) <= options_.ahead_bytes_max;
  }

  // Begins the file's new life: its header block is durable when this is done. It becomes a segment by the journal's
  // segment_added record, which the caller writes next. After an error the file is put back.
  Task<Result<Taken>> take(const PartitionKey& key, Offset base_offset, Prepared prepared);

  // The journal has put `file_number` into the pool, durably, and nobody refers to it any more: keeps it or deletes it.
  Task<void> settle(uint64_t file_number);

  // Deletes what is in the pool if the disk is nearly full: other reactors, and other programs, need the room more.
  Task<void> release_when_scarce();

  std::string path_of(uint64_t file_number) const;
  size_t class_count() const { return options_.class_bytes.size(); }
  uint64_t class_bytes(size_t size_class) const { return options_.class_bytes[size_class]; }

 private:
  Task<Result<Prepared>> prepare_pooled(uint64_t file_bytes);
  Task<Result<Prepared>> prepare_or_make(uint64_t file_bytes);
  Task<Result<void>> write_header(FileId file, const SegmentHeader& header);
  Task<Result<Prepared>> open_pooled(PoolFile pooled);
  Task<Result<Prepared>> make_file(uint64_t file_bytes);
  Task<void> remove_pooled(uint64_t file_number);
  void give_free(uint64_t file_number);
  std::optional<uint64_t> take_free(uint64_t file_bytes);

  Doors& doors_;
  std::string directory_;
  TopicId directory_id_;
  Journal& journal_;
  FlushStream& flushes_;
  FlushListener& listener_;
  Options options_;
  // Of the pool, what may be taken: by size, the most written ones last.
  struct FreeFile {
    uint64_t written_bytes = 0;
    uint64_t file_number = 0;
    auto operator<=>(const FreeFile&) const = default;
  };
  std::map<uint64_t, std::set<FreeFile>> free_;
  uint64_t free_bytes_ = 0;  // of all of them
  uint64_t ahead_bytes_ = 0;
};

}  // namespace penstock
