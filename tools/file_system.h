// What file system a directory is on, as far as durability depends on it.
#pragma once

#include <string>

namespace penstock {

struct SharedFlushVerdict {
  bool proved =
      false;  // one flush there covers the written blocks of all files (docs/shared_flush.md)
  std::string reason;  // for a person: the file system, or why not
};

// `path` or its nearest parent that exists. ext4 and XFS with barriers, nothing else.
SharedFlushVerdict judge_shared_flush(const std::string& path);

}  // namespace penstock
