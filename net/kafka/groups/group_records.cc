#include "net/kafka/groups/group_records.h"

#include "net/kafka/groups/record_codec.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kOffsetKeyVersion = 1;
constexpr int16_t kGroupKeyVersion = 2;
constexpr int16_t kValueVersion = 3;
constexpr int16_t kExpiringValueVersion = 1;
constexpr int16_t kValueVersionLast = 4;
constexpr int16_t kValueFlexibleSince = 4;

template <class T>
Result<T> decode_value(std::span<const std::byte> bytes) {
  Decoder decoder(bytes);
  const auto version = decoder.integer<int16_t>();
  if (!decoder.ok() || version < 0) return Error::corrupt;
  if (version > kValueVersionLast) return Error::unsupported;
  return decode_rest<T>(decoder, {version, version >= kValueFlexibleSince});
}

}  // namespace

Result<std::vector<std::byte>> encode_record_key(const OffsetCommitKey& key) {
  return encode_versioned({kOffsetKeyVersion, false}, key);
}

Result<std::vector<std::byte>> encode_record_key(const GroupMetadataKey& key) {
  return encode_versioned({kGroupKeyVersion, false}, key);
}

Result<std::vector<std::byte>> encode_record_value(const OffsetCommitValue& value) {
  const bool expires = value.expire_timestamp_ms >= 0;
  return encode_versioned({expires ? kExpiringValueVersion : kValueVersion, false}, value);
}

Result<std::vector<std::byte>> encode_record_value(const GroupMetadataValue& value) {
  return encode_versioned({kValueVersion, false}, value);
}

Result<RecordKey> decode_record_key(std::span<const std::byte> bytes) {
  Decoder decoder(bytes);
  const auto version = decoder.integer<int16_t>();
  if (!decoder.ok() || version < 0) return Error::corrupt;
  if (version > kGroupKeyVersion) return RecordKey(UnknownKey{});
  if (version == kGroupKeyVersion) {
    const auto key = decode_rest<GroupMetadataKey>(decoder, {version, false});
    if (!key.ok()) return key.error();
    return RecordKey(key.value());
  }
  const auto key = decode_rest<OffsetCommitKey>(decoder, {version, false});
  if (!key.ok()) return key.error();
  return RecordKey(key.value());
}

Result<OffsetCommitValue> decode_offset_value(std::span<const std::byte> bytes) {
  return decode_value<OffsetCommitValue>(bytes);
}

Result<GroupMetadataValue> decode_group_value(std::span<const std::byte> bytes) {
  return decode_value<GroupMetadataValue>(bytes);
}

// What follows the topics (user data, owned partitions) concerns the members only.
Result<ConsumerSubscription> decode_subscription(std::span<const std::byte> bytes) {
  Decoder decoder(bytes);
  const auto version = decoder.integer<int16_t>();
  if (version < 0) return Error::corrupt;
  ConsumerSubscription subscription;
  decode_struct(decoder, {version, false}, subscription);
  const Result<void> result = decoder.result();
  if (!result.ok()) return result.error();
  return subscription;
}

}  // namespace penstock::kafka
