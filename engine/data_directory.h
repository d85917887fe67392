// A data directory as a whole: whose it is, who may open it, and what its journals say.
//
//   <directory>/lock                      held by the process that has it open
//   <directory>/meta-a, meta-b            two copies of the DirectoryMeta block
//   <directory>/journal-<incarnation>-<reactor>-a, -b
//   <directory>/segments/<number>.segment
//
// Meta block: 4096 bytes, little-endian.
//
//   byte  size  field
//      0     8  magic          "PENMETA1"
//      8     4  version        2
//     12     4  reactor_count  so many journals this incarnation has
//     16    16  directory_id   random, for life
//     32     8  incarnation    counts the openings
//     40     8  checksum       XXH3-64 of the block with zeros here
//     48    16  primary_id     directory_id of the node's primary directory, which holds its catalog
//     64     8  member_count   so many data directories the node has
//     72   128  member         31 of them: directory_id (16), path_bytes (2), path (110)
//
// Opening writes the journals of the next incarnation first and then the meta block: that is the moment of change. The
// journals of older incarnations are removed afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/journal.h"
#include "io/doors.h"

namespace penstock {

// One of the data directories of a node, and where it was at the last opening: for people, who move and mount them.
struct DirectoryMember {
  TopicId directory_id;
  std::string path;  // its last 110 bytes
};

inline constexpr size_t kDirectoriesMax = 31;

struct DirectoryMeta {
  TopicId directory_id;
  uint64_t incarnation = 0;
  uint32_t reactor_count = 0;
  TopicId primary_id;
  std::vector<DirectoryMember>
      members;  // the primary's list counts: all that the node has ever served from
};

// Why a directory is refused: one line for a person, with the place.
struct Refusal {
  std::string reason;
};

// All that the journals of the current incarnation say.
struct DirectoryContents {
  DirectoryMeta meta;
  JournalState state;
  std::vector<std::string> orphans;  // segment files of no partition and no pool: left by a crash
  bool fresh = false;                // nothing there yet: meta is incarnation 0
};

// One of the two copies of the meta block as it was read. Error::not_found, corrupt, unsupported, io.
struct MetaCopy {
  std::string path;
  Result<DirectoryMeta> meta;
};
Task<std::vector<MetaCopy>> read_meta_copies(Doors& doors, const std::string& directory);

std::string lock_path(const std::string& directory);

// Waits up to `patience_ns` for another process's lock (a killed one's may outlive it a little). Makes the directory
// and its `segments` if they are missing. Error::locked, io, invalid_argument.
Task<Result<FileId>> lock_directory(Doors& doors, const std::string& directory,
                                    uint64_t patience_ns, Refusal& refusal);

// Reads only. Error::corrupt or unsupported: `refusal` says what is wrong, and where.
Task<Result<DirectoryContents>> load_directory(Doors& doors, const std::string& directory,
                                               Refusal& refusal);

// Makes `meta` the directory's state; durable when done.
Task<Result<void>> commit_directory(Doors& doors, const std::string& directory,
                                    const DirectoryMeta& meta);

// Removes the orphans and the journals of other incarnations.
Task<void> clean_directory(Doors& doors, const std::string& directory, const DirectoryMeta& meta,
                           const std::vector<std::string>& orphans);

}  // namespace penstock
