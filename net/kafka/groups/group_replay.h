// What the records of one partition of `__consumer_offsets` say, read from its start to its end: the groups as they were
// stored last. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/record_batch.h"
#include "io/clock.h"
#include "net/kafka/groups/group.h"
#include "net/kafka/groups/group_settings.h"

namespace penstock::kafka {

class GroupReplay {
 public:
  // Whole batches, back to back, in the order of the log. Error::corrupt: they are none. Records that cannot be read are
  // counted and passed over.
  Result<void> apply(std::span<const std::byte> batches);

  uint64_t unreadable_count() const { return unreadable_count_; }

  // All groups there are, once: the replay is empty afterwards.
  std::vector<std::unique_ptr<Group>> take_groups(Clock& clock, const GroupSettings& settings);

 private:
  struct Found {
    std::vector<std::byte> metadata;  // the value of the last record; empty: none
    GroupOffsets offsets;
  };
  bool apply_record(const Record& record, uint64_t log_offset);
  bool apply_offset(const OffsetCommitKey& key, const OptionalBytes& value, uint64_t log_offset);
  bool apply_group(const GroupMetadataKey& key, const OptionalBytes& value);

  std::map<std::string, Found, std::less<>> found_;
  uint64_t unreadable_count_ = 0;
};

}  // namespace penstock::kafka
