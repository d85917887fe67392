// What `__consumer_offsets` holds of a group of the consumer protocol: Kafka's records, one kind per version of the key.
// Values are of version 0 and flexible; fields of later versions are passed over.
//
// A group is several records, so that a change to one member writes that member only. They are written in the order of
// the kinds below: a group whose assignment was cut short by a crash shows it by its epochs, and computes it again.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/result.h"
#include "net/kafka/fields.h"
#include "net/kafka/groups/partition_set.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

// The numbers are the keys' versions.
enum class ConsumerRecordKind : int16_t {
  group = 3,         // its epoch
  topics = 4,        // those it is subscribed to, as they were when it was assigned last
  member = 5,        // what a member told
  target_epoch = 6,  // of the group for which the targets were computed
  target = 7,        // what a member is to have
  current = 8,       // what a member has
  pattern = 16,      // the topics that a regular expression stands for
};

struct ConsumerRecordKey {
  ConsumerRecordKind kind = ConsumerRecordKind::group;
  std::string_view group;
  std::string_view name;  // of the member, or the pattern; of the other kinds: empty
  bool operator==(const ConsumerRecordKey&) const = default;
};
// True for kinds that there is one of per group.
constexpr bool is_of_group(ConsumerRecordKind kind) {
  return kind == ConsumerRecordKind::group || kind == ConsumerRecordKind::topics ||
         kind == ConsumerRecordKind::target_epoch;
}

struct ConsumerGroupValue {
  int32_t epoch = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerGroupValue::epoch);
  }
  bool operator==(const ConsumerGroupValue&) const = default;
};

struct ConsumerTopicsValue {
  struct Replicas {
    int32_t partition = 0;
    std::vector<std::string_view> racks;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Replicas::partition);
      fields(&Replicas::racks);
    }
    bool operator==(const Replicas&) const = default;
  };
  struct Topic {
    Uuid id;
    std::string_view name;
    int32_t partition_count = 0;
    std::vector<Replicas> replicas;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::id);
      fields(&Topic::name);
      fields(&Topic::partition_count);
      fields(&Topic::replicas);
    }
    bool operator==(const Topic&) const = default;
  };
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerTopicsValue::topics);
  }
  bool operator==(const ConsumerTopicsValue&) const = default;
};

struct ConsumerMemberValue {
  std::optional<std::string_view> instance_id;
  std::optional<std::string_view> rack_id;
  std::string_view client_id;
  std::string_view client_host;
  std::vector<std::string_view> topics;
  std::optional<std::string_view> pattern;
  int32_t rebalance_timeout_ms = -1;
  std::optional<std::string_view> assignor;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerMemberValue::instance_id, always().nullable());
    fields(&ConsumerMemberValue::rack_id, always().nullable());
    fields(&ConsumerMemberValue::client_id);
    fields(&ConsumerMemberValue::client_host);
    fields(&ConsumerMemberValue::topics);
    fields(&ConsumerMemberValue::pattern, always().nullable());
    fields(&ConsumerMemberValue::rebalance_timeout_ms);
    fields(&ConsumerMemberValue::assignor, always().nullable());
  }
  bool operator==(const ConsumerMemberValue&) const = default;
};

struct StoredPartitions {
  Uuid topic_id;
  std::vector<int32_t> partitions;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&StoredPartitions::topic_id);
    fields(&StoredPartitions::partitions);
  }
  bool operator==(const StoredPartitions&) const = default;
};

struct ConsumerTargetEpochValue {
  int32_t epoch = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerTargetEpochValue::epoch);
  }
  bool operator==(const ConsumerTargetEpochValue&) const = default;
};

struct ConsumerTargetValue {
  std::vector<StoredPartitions> partitions;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerTargetValue::partitions);
  }
  bool operator==(const ConsumerTargetValue&) const = default;
};

struct ConsumerCurrentValue {
  int32_t epoch = 0;
  int32_t previous_epoch = 0;
  int8_t state = 0;
  std::vector<StoredPartitions> assigned;
  std::vector<StoredPartitions> pending_revocation;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerCurrentValue::epoch);
    fields(&ConsumerCurrentValue::previous_epoch);
    fields(&ConsumerCurrentValue::state);
    fields(&ConsumerCurrentValue::assigned);
    fields(&ConsumerCurrentValue::pending_revocation);
  }
  bool operator==(const ConsumerCurrentValue&) const = default;
};

struct ConsumerPatternValue {
  std::vector<std::string_view> topics;
  int64_t version = 0;  // of what was looked through
  int64_t timestamp_ms = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerPatternValue::topics);
    fields(&ConsumerPatternValue::version);
    fields(&ConsumerPatternValue::timestamp_ms);
  }
  bool operator==(const ConsumerPatternValue&) const = default;
};

std::vector<StoredPartitions> stored_form_of(const PartitionSet& partitions);
PartitionSet partitions_of(const std::vector<StoredPartitions>& stored);

// Error::too_large: a name is longer than 32,767 bytes.
Result<std::vector<std::byte>> encode_consumer_key(const ConsumerRecordKey& key);
// `Value` is one of those above.
template <class Value>
Result<std::vector<std::byte>> encode_consumer_value(const Value& value);

// Nothing: the key is of another kind. What it gives points into `bytes`.
Result<std::optional<ConsumerRecordKey>> decode_consumer_key(std::span<const std::byte> bytes);
template <class Value>
Result<Value> decode_consumer_value(std::span<const std::byte> bytes);

}  // namespace penstock::kafka
