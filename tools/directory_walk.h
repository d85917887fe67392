// Reads a whole data directory: both copies of what there are two of, the catalog, and every partition.
//
// Reads only, and takes no lock: what another process changes meanwhile looks like anything.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "engine/data_directory.h"
#include "engine/topic.h"
#include "io/doors.h"
#include "tools/log_visitor.h"

namespace penstock {

class DirectoryWalk {
 public:
  struct Options {
    std::string directory;
    std::optional<std::string> topic;  // only this one's partitions: by name, or by id
    std::optional<uint32_t> partition;
  };

  // `visitor` outlives the walk.
  DirectoryWalk(Doors& doors, Options options, LogVisitor& visitor);
  DirectoryWalk(const DirectoryWalk&) = delete;

  // Error::not_found: no data directory, or no such topic or partition. Error::busy: no memory for a buffer. All else
  // is a finding.
  Task<Result<void>> run();

 private:
  Task<std::optional<DirectoryMeta>> walk_meta();
  Task<Result<void>> walk_journals(const DirectoryMeta& meta);
  Task<Result<void>> walk_journal(JournalIdentity identity);
  Task<Result<void>> read_catalog(const DirectoryMeta& meta);
  Task<Result<void>> walk_unknown_files(const DirectoryMeta& meta);
  Task<Result<void>> walk_unknown_file(const std::string& path, const DirectoryMeta& meta);
  Task<Result<void>> walk_partitions(const DirectoryMeta& meta);
  bool wanted(const PartitionKey& key) const;
  std::string name_of_topic(const TopicId& id) const;
  void tell(Finding::Kind kind, const std::string& path, std::optional<uint64_t> position,
            std::string reason);

  Doors& doors_;
  Options options_;
  LogVisitor& visitor_;
  JournalState state_;
  CatalogSnapshot catalog_;
};

}  // namespace penstock
