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
#include "net/kafka/groups/consumer_group.h"
#include "net/kafka/groups/group.h"
#include "net/kafka/groups/group_settings.h"

namespace penstock::kafka {

class GroupReplay {
 public:
  // Whole batches, back to back, in the order of the log. Error::corrupt: they are none. Records that cannot be read are
  // counted and passed over.
  Result<void> apply(std::span<const std::byte> batches);

  uint64_t unreadable_count() const { return unreadable_count_; }

  struct Replayed {
    std::unique_ptr<Group> group;             // and the offsets, whatever the protocol
    std::shared_ptr<ConsumerGroup> consumer;  // null: it is a classic group
  };
  // All groups there are, once: the replay is empty afterwards.
  std::vector<Replayed> take_groups(Clock& clock, const GroupSettings& settings);

 private:
  struct Found {
    std::vector<std::byte> metadata;  // the value of the last record; empty: none
    ConsumerGroupReplay consumer;
    bool is_classic = true;  // by the last record that says so
    GroupOffsets offsets;
  };
  bool apply_record(const Record& record, uint64_t log_offset);
  bool apply_offset(const OffsetCommitKey& key, const OptionalBytes& value, uint64_t log_offset);
  bool apply_group(const GroupMetadataKey& key, const OptionalBytes& value);
  bool apply_consumer(const ConsumerRecordKey& key, const OptionalBytes& value);

  std::map<std::string, Found, std::less<>> found_;
  uint64_t unreadable_count_ = 0;
};

}  // namespace penstock::kafka
