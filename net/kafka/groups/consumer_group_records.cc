#include "net/kafka/groups/consumer_group_records.h"

#include <utility>

#include "net/kafka/groups/record_codec.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

constexpr Layout kValueLayout{0, true};

struct GroupName {
  std::string_view group;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&GroupName::group);
  }
};

struct GroupAndName {
  std::string_view group;
  std::string_view name;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&GroupAndName::group);
    fields(&GroupAndName::name);
  }
};

bool is_consumer_kind(int16_t version) {
  switch (static_cast<ConsumerRecordKind>(version)) {
    case ConsumerRecordKind::group:
    case ConsumerRecordKind::topics:
    case ConsumerRecordKind::member:
    case ConsumerRecordKind::target_epoch:
    case ConsumerRecordKind::target:
    case ConsumerRecordKind::current:
    case ConsumerRecordKind::pattern: return true;
  }
  return false;
}

}  // namespace

std::vector<StoredPartitions> stored_form_of(const PartitionSet& partitions) {
  std::vector<StoredPartitions> stored;
  for (const auto& [topic, some] : partitions) stored.push_back({uuid_of(topic), some});
  return stored;
}

PartitionSet partitions_of(const std::vector<StoredPartitions>& stored) {
  PartitionSet partitions;
  for (const StoredPartitions& one : stored) {
    add_partitions(partitions, topic_id_of(one.topic_id), one.partitions);
  }
  return partitions;
}

Result<std::vector<std::byte>> encode_consumer_key(const ConsumerRecordKey& key) {
  const Layout layout{static_cast<int16_t>(key.kind), false};
  if (is_of_group(key.kind)) return encode_versioned(layout, GroupName{key.group});
  return encode_versioned(layout, GroupAndName{key.group, key.name});
}

Result<std::optional<ConsumerRecordKey>> decode_consumer_key(std::span<const std::byte> bytes) {
  Decoder decoder(bytes);
  const auto version = decoder.integer<int16_t>();
  if (!decoder.ok()) return Error::corrupt;
  if (!is_consumer_kind(version)) return std::optional<ConsumerRecordKey>();
  ConsumerRecordKey key;
  key.kind = static_cast<ConsumerRecordKind>(version);
  if (is_of_group(key.kind)) {
    const Result<GroupName> names = decode_rest<GroupName>(decoder, {version, false});
    if (!names.ok()) return names.error();
    key.group = names.value().group;
  } else {
    const Result<GroupAndName> names = decode_rest<GroupAndName>(decoder, {version, false});
    if (!names.ok()) return names.error();
    key.group = names.value().group;
    key.name = names.value().name;
  }
  return std::optional<ConsumerRecordKey>(key);
}

template <class Value>
Result<std::vector<std::byte>> encode_consumer_value(const Value& value) {
  return encode_versioned(kValueLayout, value);
}

template <class Value>
Result<Value> decode_consumer_value(std::span<const std::byte> bytes) {
  Decoder decoder(bytes);
  const auto version = decoder.integer<int16_t>();
  if (!decoder.ok() || version < 0) return Error::corrupt;
  if (version != kValueLayout.version) return Error::unsupported;
  return decode_rest<Value>(decoder, kValueLayout);
}

template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerGroupValue&);
template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerTopicsValue&);
template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerMemberValue&);
template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerTargetEpochValue&);
template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerTargetValue&);
template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerCurrentValue&);
template Result<std::vector<std::byte>> encode_consumer_value(const ConsumerPatternValue&);
template Result<ConsumerGroupValue> decode_consumer_value(std::span<const std::byte>);
template Result<ConsumerTopicsValue> decode_consumer_value(std::span<const std::byte>);
template Result<ConsumerMemberValue> decode_consumer_value(std::span<const std::byte>);
template Result<ConsumerTargetEpochValue> decode_consumer_value(std::span<const std::byte>);
template Result<ConsumerTargetValue> decode_consumer_value(std::span<const std::byte>);
template Result<ConsumerCurrentValue> decode_consumer_value(std::span<const std::byte>);
template Result<ConsumerPatternValue> decode_consumer_value(std::span<const std::byte>);

}  // namespace penstock::kafka
