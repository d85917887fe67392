#include "engine/catalog.h"

#include "engine/byte_io.h"

namespace penstock {
namespace {

enum class CatalogRecordType : uint8_t {
  topic_created = 1,
  topic_deleted = 2,
  topic_configured = 3,
  partitions_created = 4,
  node_configured = 5,
  quota_set = 6,
  producer_ids_reserved = 16,
};

std::vector<std::byte> with_length(const std::vector<std::byte>& body) {
  std::vector<std::byte> record;
  ByteWriter(record).put(static_cast<uint32_t>(body.size()));
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

void begin_record(ByteWriter& writer, CatalogRecordType type, const TopicId& id) {
  writer.put(static_cast<uint8_t>(type));
  writer.put(id.high);
  writer.put(id.low);
}

void put_entries(ByteWriter& writer, const TopicConfig::Entries& entries) {
  writer.put(static_cast<uint32_t>(entries.size()));
  for (const auto& [name, value] : entries) {
    writer.put_string(name);
    writer.put_string(value);
  }
}

TopicConfig::Entries get_entries(ByteReader& reader) {
  TopicConfig::Entries entries;
  const uint32_t count = reader.get<uint32_t>();
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    std::string name = reader.get_string();
    entries[std::move(name)] = reader.get_string();
  }
  return entries;
}

// Into the snapshot, with what its entries mean.
Result<void> put_topic(std::shared_ptr<Topic> topic, const TopicConfig& defaults,
                       CatalogSnapshot& snapshot) {
  std::string what;
  const Result<TopicConfig> config =
      TopicConfig::parse(topic->config_entries, what, snapshot.topic_defaults(defaults));
  if (!config.ok()) return Error::corrupt;
  topic->config = config.value();
  snapshot.put(std::move(topic));
  return {};
}

Result<void> apply_created(ByteReader& reader, const TopicId& id, const TopicConfig& defaults,
                           CatalogSnapshot& snapshot) {
  auto topic = std::make_shared<Topic>();
  topic->id = id;
  topic->name = reader.get_string();
  topic->partition_count = reader.get<uint32_t>();
  topic->config_entries = get_entries(reader);
  if (!reader.complete() || !is_valid_topic_name(topic->name)) return Error::corrupt;
  return put_topic(std::move(topic), defaults, snapshot);
}

// Of a topic that is there.
Result<void> apply_change(CatalogRecordType type, ByteReader& reader, const TopicId& id,
                          const TopicConfig& defaults, CatalogSnapshot& snapshot) {
  const Topic* const before = snapshot.find(id);
  if (before == nullptr) return Error::corrupt;
  auto topic = std::make_shared<Topic>(*before);
  if (type == CatalogRecordType::topic_configured) {
    topic->config_entries = get_entries(reader);
  } else {
    topic->partition_count = reader.get<uint32_t>();
  }
  if (!reader.complete() || topic->partition_count < before->partition_count) {
    return Error::corrupt;
  }
  return put_topic(std::move(topic), defaults, snapshot);
}

Result<void> apply_node_configured(ByteReader& reader, const TopicConfig& defaults,
                                   CatalogSnapshot& snapshot) {
  const std::string scope = reader.get_string();
  TopicConfig::Entries entries = get_entries(reader);
  std::string what;
  if (!reader.complete() || !TopicConfig::parse_of_node(entries, what, defaults).ok()) {
    return Error::corrupt;
  }
  snapshot.put_node_entries(scope, std::move(entries));
  snapshot.parse_again(defaults);
  return {};
}

Result<void> apply_reserved(ByteReader& reader, CatalogSnapshot& snapshot) {
  const auto count = reader.get<int64_t>();
  if (!reader.complete() || count < snapshot.producer_ids_reserved) return Error::corrupt;
  snapshot.producer_ids_reserved = count;
  return {};
}

constexpr uint8_t kHasUser = 1;
constexpr uint8_t kHasClientId = 2;

Result<void> apply_quota_set(ByteReader& reader, CatalogSnapshot& snapshot) {
  const auto whose = reader.get<uint8_t>();
  std::string user = reader.get_string();
  std::string client_id = reader.get_string();
  QuotaEntity entity;
  if ((whose & kHasUser) != 0) entity.user = std::move(user);
  if ((whose & kHasClientId) != 0) entity.client_id = std::move(client_id);
  QuotaLimits limits;
  limits.producer_byte_rate = reader.get<double>();
  limits.consumer_byte_rate = reader.get<double>();
  const bool sound = limits.producer_byte_rate >= 0 && limits.consumer_byte_rate >= 0;
  if (!reader.complete() || whose == 0 || whose > (kHasUser | kHasClientId) || !sound) {
    return Error::corrupt;
  }
  snapshot.put_quota(entity, limits);
  return {};
}

Result<void> apply_record(ByteReader& reader, const TopicConfig& defaults,
                          CatalogSnapshot& snapshot) {
  const auto type = static_cast<CatalogRecordType>(reader.get<uint8_t>());
  const uint64_t high = reader.get<uint64_t>();
  const TopicId id{high, reader.get<uint64_t>()};
  switch (type) {
    case CatalogRecordType::topic_created: return apply_created(reader, id, defaults, snapshot);
    case CatalogRecordType::topic_deleted:
      if (!reader.complete()) return Error::corrupt;
      snapshot.remove(id);
      return {};
    case CatalogRecordType::topic_configured:
    case CatalogRecordType::partitions_created:
      return apply_change(type, reader, id, defaults, snapshot);
    case CatalogRecordType::node_configured:
      return apply_node_configured(reader, defaults, snapshot);
    case CatalogRecordType::producer_ids_reserved: return apply_reserved(reader, snapshot);
    case CatalogRecordType::quota_set: return apply_quota_set(reader, snapshot);
  }
  return Error::unsupported;
}

}  // namespace

std::vector<std::byte> encode_topic_created(const Topic& topic) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::topic_created, topic.id);
  writer.put_string(topic.name);
  writer.put(topic.partition_count);
  put_entries(writer, topic.config_entries);
  return with_length(body);
}

std::vector<std::byte> encode_topic_deleted(const TopicId& id) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::topic_deleted, id);
  return with_length(body);
}

std::vector<std::byte> encode_topic_configured(const Topic& topic) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::topic_configured, topic.id);
  put_entries(writer, topic.config_entries);
  return with_length(body);
}

std::vector<std::byte> encode_partitions_created(const Topic& topic) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::partitions_created, topic.id);
  writer.put(topic.partition_count);
  return with_length(body);
}

std::vector<std::byte> encode_node_configured(const std::string& scope,
                                              const TopicConfig::Entries& entries) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::node_configured, TopicId{});
  writer.put_string(scope);
  put_entries(writer, entries);
  return with_length(body);
}

std::vector<std::byte> encode_producer_ids_reserved(int64_t count) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::producer_ids_reserved, TopicId{});
  writer.put(count);
  return with_length(body);
}

std::vector<std::byte> encode_quota_set(const QuotaEntity& entity, const QuotaLimits& limits) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  begin_record(writer, CatalogRecordType::quota_set, TopicId{});
  const int whose = (entity.user ? kHasUser : 0) | (entity.client_id ? kHasClientId : 0);
  writer.put(static_cast<uint8_t>(whose));
  writer.put_string(entity.user.value_or(std::string()));
  writer.put_string(entity.client_id.value_or(std::string()));
  writer.put(limits.producer_byte_rate);
  writer.put(limits.consumer_byte_rate);
  return with_length(body);
}

Result<void> apply_catalog_records(std::span<const std::byte> bytes, const TopicConfig& defaults,
                                   CatalogSnapshot& snapshot) {
  while (!bytes.empty()) {
    ByteReader length_reader(bytes);
    const uint32_t body_bytes = length_reader.get<uint32_t>();
    if (length_reader.failed() || length_reader.remaining() < body_bytes) return Error::corrupt;
    ByteReader reader(bytes.subspan(sizeof(uint32_t), body_bytes));
    bytes = bytes.subspan(sizeof(uint32_t) + body_bytes);
    const Result<void> applied = apply_record(reader, defaults, snapshot);
    if (!applied.ok()) return applied.error();
  }
  return {};
}

}  // namespace penstock
