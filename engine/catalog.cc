#include "engine/catalog.h"

#include "engine/byte_io.h"

namespace penstock {
namespace {

enum class CatalogRecordType : uint8_t { topic_created = 1, topic_deleted = 2 };

std::vector<std::byte> with_length(const std::vector<std::byte>& body) {
  std::vector<std::byte> record;
  ByteWriter(record).put(static_cast<uint32_t>(body.size()));
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

Result<void> apply_created(ByteReader& reader, const TopicId& id, const TopicConfig& defaults,
                           CatalogSnapshot& snapshot) {
  auto topic = std::make_shared<Topic>();
  topic->id = id;
  topic->name = reader.get_string();
  topic->partition_count = reader.get<uint32_t>();
  const uint32_t entry_count = reader.get<uint32_t>();
  for (uint32_t i = 0; i < entry_count && !reader.failed(); ++i) {
    std::string name = reader.get_string();
    topic->config_entries[std::move(name)] = reader.get_string();
  }
  if (!reader.complete() || !is_valid_topic_name(topic->name)) return Error::corrupt;
  std::string what;
  const Result<TopicConfig> config = TopicConfig::parse(topic->config_entries, what, defaults);
  if (!config.ok()) return Error::corrupt;
  topic->config = config.value();
  snapshot.put(std::move(topic));
  return {};
}

}  // namespace

std::vector<std::byte> encode_topic_created(const Topic& topic) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  writer.put(static_cast<uint8_t>(CatalogRecordType::topic_created));
  writer.put(topic.id.high);
  writer.put(topic.id.low);
  writer.put_string(topic.name);
  writer.put(topic.partition_count);
  writer.put(static_cast<uint32_t>(topic.config_entries.size()));
  for (const auto& [name, value] : topic.config_entries) {
    writer.put_string(name);
    writer.put_string(value);
  }
  return with_length(body);
}

std::vector<std::byte> encode_topic_deleted(const TopicId& id) {
  std::vector<std::byte> body;
  ByteWriter writer(body);
  writer.put(static_cast<uint8_t>(CatalogRecordType::topic_deleted));
  writer.put(id.high);
  writer.put(id.low);
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
    const auto type = static_cast<CatalogRecordType>(reader.get<uint8_t>());
    const uint64_t high = reader.get<uint64_t>();
    const TopicId id{high, reader.get<uint64_t>()};
    switch (type) {
      case CatalogRecordType::topic_created: {
        const Result<void> applied = apply_created(reader, id, defaults, snapshot);
        if (!applied.ok()) return applied.error();
        break;
      }
      case CatalogRecordType::topic_deleted:
        if (!reader.complete()) return Error::corrupt;
        snapshot.remove(id);
        break;
      default: return Error::unsupported;
    }
  }
  return {};
}

}  // namespace penstock
