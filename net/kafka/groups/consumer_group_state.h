// What is stored of one group of the consumer protocol, in memory and as records of `__consumer_offsets`. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/result.h"
#include "net/kafka/groups/consumer_group_records.h"
#include "net/kafka/groups/partition_set.h"

namespace penstock::kafka {

// Where a member stands on its way to its target. The numbers are stored.
enum class ConsumerMemberState : int8_t {
  stable = 0,                 // it has what it is to have
  unrevoked_partitions = 1,   // it has yet to give some back
  unreleased_partitions = 2,  // others have yet to give back what it is to have
};

struct ConsumerMember {
  std::string id;
  // What it told.
  std::optional<std::string> instance_id;  // of a static member
  std::optional<std::string> rack_id;
  std::string client_id;
  std::string client_host;
  std::vector<std::string> topics;  // ascending, none twice
  std::string pattern;              // empty: none
  int32_t rebalance_timeout_ms = -1;
  std::optional<std::string> assignor;
  // What it has, by the epochs it was told.
  int32_t epoch = 0;
  int32_t previous_epoch = 0;
  ConsumerMemberState state = ConsumerMemberState::stable;
  PartitionSet assigned;
  PartitionSet pending_revocation;  // no longer assigned, and not given back yet
  // What it is to have.
  PartitionSet target;

  // Not stored.
  bool told = false;  // its assignment, as it is
  uint64_t session_deadline_ns = 0;
  uint64_t revocation_deadline_ns = 0;  // 0: it owes nothing

  size_t memory_bytes() const;
};

struct ConsumerGroupState {
  struct Topic {
    TopicId id;
    int32_t partition_count = 0;
    bool operator==(const Topic&) const = default;
  };
  struct Pattern {
    std::vector<std::string> topics;  // that it matches; ascending
    int64_t version = 0;              // of the catalog
    int64_t timestamp_ms = 0;

    // Not stored: the catalog that was looked through by this process.
    std::optional<uint64_t> revision;
  };

  int32_t epoch = 0;
  int32_t target_epoch = 0;
  std::map<std::string, Topic, std::less<>> topics;  // subscribed to, that exist
  std::map<std::string, ConsumerMember, std::less<>> members;
  std::map<std::string, Pattern, std::less<>> patterns;

  // The value of a record as things are; nothing: what it names does not exist.
  Result<std::optional<std::vector<std::byte>>> value_of(ConsumerRecordKind kind,
                                                         std::string_view name) const;
  size_t memory_bytes() const;
};

// The same, while it is read from the log: some of a member's records may be there without the others.
class ConsumerGroupReplay {
 public:
  // Without a value: what `key` names has ended. Error::corrupt, unsupported: it says nothing.
  Result<void> apply(const ConsumerRecordKey& key,
                     const std::optional<std::span<const std::byte>>& value);

  // There is such a group.
  bool exists() const { return exists_; }
  ConsumerGroupState take();

 private:
  struct Member {
    std::optional<ConsumerMember> told;
    ConsumerMember current;  // the parts of it that such a record has
    PartitionSet target;
  };
  Result<void> apply_member(std::string_view id, std::span<const std::byte> value);
  Result<void> apply_current(std::string_view id, std::span<const std::byte> value);
  Result<void> apply_topics(std::span<const std::byte> value);
  Result<void> apply_pattern(std::string_view pattern, std::span<const std::byte> value);
  void end(const ConsumerRecordKey& key);

  bool exists_ = false;
  ConsumerGroupState state_;  // without its members
  std::map<std::string, Member, std::less<>> members_;
};

}  // namespace penstock::kafka
