// The data directories of one node: whether what was found in them belongs together, and how an opening of all of them
// becomes what counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/data_directory.h"
#include "io/doors.h"

namespace penstock {

struct FoundDirectory {
  std::string path;
  DirectoryContents contents;

  uint64_t next_incarnation() const { return contents.meta.incarnation + 1; }
};

struct DirectorySet {
  std::vector<FoundDirectory> directories;  // in the order given
  size_t primary = 0;                       // the one with the catalog
  bool first_start = true;                  // of the node: all are new
};

// Fills in what follows from the directories. Error::corrupt: they are not all of one node's, and each once; `refusal`
// names the one that is missing, foreign or a copy.
Result<void> judge(DirectorySet& set, Refusal& refusal);

// Makes the next incarnation the one that counts, in each of them; durable when done. A crash on the way leaves a set
// that opens again. Its orphans and older journals are removed. An error: `refusal` says where.
Task<Result<void>> commit(Doors& doors, DirectorySet& set, uint32_t reactor_count,
                          Refusal& refusal);

}  // namespace penstock
