// What `__consumer_offsets` holds: Kafka's own records, so that Kafka's tools can read it. The last record of a key
// counts; one without a value ends what the key named.
//
// Keys and values are big endian: int16 version, then the fields below. Key versions: 0 and 1 an offset, 2 a group. What
// other versions mean is not ours to know: replay passes over them. Values are written in version 3, in which Kafka 4.0
// writes them, or, for an offset with a time to expire, in version 1; versions 0 to 4 are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "io/result.h"
#include "net/kafka/fields.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

struct OffsetCommitKey {
  std::string_view group;
  std::string_view topic;
  int32_t partition = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetCommitKey::group);
    fields(&OffsetCommitKey::topic);
    fields(&OffsetCommitKey::partition);
  }
  bool operator==(const OffsetCommitKey&) const = default;
};

struct OffsetCommitValue {
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::string_view metadata;
  int64_t commit_timestamp_ms = -1;
  int64_t expire_timestamp_ms = -1;  // -1: by the server's retention

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetCommitValue::offset);
    fields(&OffsetCommitValue::leader_epoch, since(3));
    fields(&OffsetCommitValue::metadata);
    fields(&OffsetCommitValue::commit_timestamp_ms);
    fields(&OffsetCommitValue::expire_timestamp_ms, between(1, 1));
  }
  bool operator==(const OffsetCommitValue&) const = default;
};

struct GroupMetadataKey {
  std::string_view group;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&GroupMetadataKey::group);
  }
  bool operator==(const GroupMetadataKey&) const = default;
};

struct GroupMetadataValue {
  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    std::string_view client_id;
    std::string_view client_host;
    int32_t rebalance_timeout_ms = -1;
    int32_t session_timeout_ms = 0;
    Records subscription;
    Records assignment;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Member::member_id);
      fields(&Member::group_instance_id, since(3).nullable());
      fields(&Member::client_id);
      fields(&Member::client_host);
      fields(&Member::rebalance_timeout_ms, since(1));
      fields(&Member::session_timeout_ms);
      fields(&Member::subscription);
      fields(&Member::assignment);
    }
    bool operator==(const Member&) const = default;
  };

  std::string_view protocol_type;
  int32_t generation = 0;
  std::optional<std::string_view> protocol;
  std::optional<std::string_view> leader;
  int64_t current_state_timestamp_ms = -1;
  std::vector<Member> members;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&GroupMetadataValue::protocol_type);
    fields(&GroupMetadataValue::generation);
    fields(&GroupMetadataValue::protocol, always().nullable());
    fields(&GroupMetadataValue::leader, always().nullable());
    fields(&GroupMetadataValue::current_state_timestamp_ms, since(2));
    fields(&GroupMetadataValue::members);
  }
  bool operator==(const GroupMetadataValue&) const = default;
};

// The parts of a member's subscription (of protocol type "consumer") that a coordinator looks at.
struct ConsumerSubscription {
  std::vector<std::string_view> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerSubscription::topics);
  }
  bool operator==(const ConsumerSubscription&) const = default;
};

// Error::too_large: a name is longer than 32,767 bytes.
Result<std::vector<std::byte>> encode_record_key(const OffsetCommitKey& key);
Result<std::vector<std::byte>> encode_record_key(const GroupMetadataKey& key);
Result<std::vector<std::byte>> encode_record_value(const OffsetCommitValue& value);
Result<std::vector<std::byte>> encode_record_value(const GroupMetadataValue& value);

struct UnknownKey {};
using RecordKey = std::variant<UnknownKey, OffsetCommitKey, GroupMetadataKey>;

// What they give points into `bytes`. Error::corrupt, and for values of a later version Error::unsupported.
Result<RecordKey> decode_record_key(std::span<const std::byte> bytes);
Result<OffsetCommitValue> decode_offset_value(std::span<const std::byte> bytes);
Result<GroupMetadataValue> decode_group_value(std::span<const std::byte> bytes);
Result<ConsumerSubscription> decode_subscription(std::span<const std::byte> bytes);

}  // namespace penstock::kafka
