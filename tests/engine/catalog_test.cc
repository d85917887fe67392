#include "engine/catalog.h"

#include <gtest/gtest.h>

#include <limits>

namespace penstock {
namespace {

Topic some_topic() {
  Topic topic;
  topic.id = {5, 6};
  topic.name = "orders";
  topic.partition_count = 12;
  topic.config_entries = {{"max.message.bytes", "5000"}, {"penstock.durability", "written"}};
  return topic;
}

TEST(Catalog, CreationsAndDeletionsMakeTheSnapshot) {
  CatalogSnapshot snapshot;
  std::vector<std::byte> records = encode_topic_created(some_topic());
  ASSERT_TRUE(apply_catalog_records(records, TopicConfig(), snapshot).ok());
  const Topic* topic = snapshot.find("orders");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic, snapshot.find(TopicId{5, 6}));
  EXPECT_EQ(topic->partition_count, 12u);
  EXPECT_EQ(topic->config.max_message_bytes, 5000u);
  EXPECT_EQ(topic->config.durability, Durability::written);
  ASSERT_TRUE(apply_catalog_records(encode_topic_deleted({5, 6}), TopicConfig(), snapshot).ok());
  EXPECT_TRUE(snapshot.topics().empty());
}

TEST(Catalog, ProducerIdsAreReservedForEver) {
  CatalogSnapshot snapshot;
  const std::vector<std::byte> record = encode_producer_ids_reserved(2000);
  ASSERT_TRUE(apply_catalog_records(record, TopicConfig(), snapshot).ok());
  EXPECT_EQ(snapshot.producer_ids_reserved, 2000);
  EXPECT_FALSE(
      apply_catalog_records(encode_producer_ids_reserved(1000), TopicConfig(), snapshot).ok());
  for (size_t length = 1; length < record.size(); ++length) {
    EXPECT_FALSE(
        apply_catalog_records(std::span(record).first(length), TopicConfig(), snapshot).ok());
  }
}

TEST(Catalog, QuotasAreReadBackByWhoTheyAreForAndGoWhenEmpty) {
  const QuotaEntity entities[] = {
      {"u", std::nullopt}, {std::nullopt, "c"}, {"u", "c"}, {"", std::nullopt}, {std::nullopt, ""}};
  CatalogSnapshot snapshot;
  double rate = 0;
  for (const QuotaEntity& entity : entities) {
    const auto record = encode_quota_set(entity, {++rate, 100 * rate});
    ASSERT_TRUE(apply_catalog_records(record, TopicConfig(), snapshot).ok());
  }
  ASSERT_EQ(snapshot.quotas().size(), std::size(entities));
  EXPECT_EQ(snapshot.quotas().at(entities[2]), (QuotaLimits{3, 300}));
  const CatalogSnapshot before = snapshot;
  const auto removal = encode_quota_set(entities[2], QuotaLimits());
  ASSERT_TRUE(apply_catalog_records(removal, TopicConfig(), snapshot).ok());
  EXPECT_EQ(snapshot.quotas().size(), std::size(entities) - 1);
  EXPECT_FALSE(snapshot.quotas().contains(entities[2]));
  EXPECT_EQ(before.quotas().size(), std::size(entities));  // who reads an older one sees no change
}

TEST(Catalog, QuotasThatNobodyCanHaveSetAreRefused) {
  const std::vector<std::byte> record = encode_quota_set({"u", "c"}, {5, 6});
  for (size_t length = 1; length < record.size(); ++length) {
    CatalogSnapshot snapshot;
    EXPECT_FALSE(
        apply_catalog_records(std::span(record).first(length), TopicConfig(), snapshot).ok());
  }
  CatalogSnapshot snapshot;
  for (const std::vector<std::byte>& wrong :
       {encode_quota_set({}, {5, 6}), encode_quota_set({"u", "c"}, {-1, 6}),
        encode_quota_set({"u", "c"}, {5, std::numeric_limits<double>::quiet_NaN()})}) {
    EXPECT_EQ(apply_catalog_records(wrong, TopicConfig(), snapshot).error(), Error::corrupt);
  }
  EXPECT_TRUE(snapshot.quotas().empty());
}

TEST(Catalog, RecordsThatAreCutShortOrLieAreRefused) {
  const std::vector<std::byte> record = encode_topic_created(some_topic());
  for (size_t length = 1; length < record.size(); ++length) {
    CatalogSnapshot snapshot;
    EXPECT_FALSE(
        apply_catalog_records(std::span(record).first(length), TopicConfig(), snapshot).ok());
  }
  std::vector<std::byte> longer = record;
  longer.push_back({});
  CatalogSnapshot snapshot;
  EXPECT_FALSE(apply_catalog_records(longer, TopicConfig(), snapshot).ok());
}

std::vector<std::byte> joined(const std::vector<std::vector<std::byte>>& records) {
  std::vector<std::byte> bytes;
  for (const auto& record : records) bytes.insert(bytes.end(), record.begin(), record.end());
  return bytes;
}

TEST(Catalog, ChangesOfATopicAndOfTheNodeAreReadBack) {
  const Topic topic = some_topic();
  Topic larger = topic;
  larger.partition_count = 20;
  Topic altered = topic;
  altered.config_entries = {{"retention.ms", "77"}};
  CatalogSnapshot snapshot;
  const auto records = joined(
      {encode_topic_created(topic), encode_partitions_created(larger),
       encode_topic_configured(altered),
       encode_node_configured("", {{"log.retention.ms", "55"}, {"message.max.bytes", "66"}})});
  ASSERT_TRUE(apply_catalog_records(records, TopicConfig(), snapshot).ok());
  const Topic* found = snapshot.find("orders");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(snapshot.find(topic.id), found);
  EXPECT_EQ(found->partition_count, 20u);
  EXPECT_EQ(found->config_entries, altered.config_entries);
  EXPECT_EQ(found->config.retention_ms, 77);
  EXPECT_EQ(found->config.max_message_bytes, 66u);  // of the node, though it came later
  EXPECT_EQ(snapshot.topic_defaults(TopicConfig()).retention_ms, 55);
  ASSERT_TRUE(apply_catalog_records(encode_node_configured("", {}), TopicConfig(), snapshot).ok());
  EXPECT_TRUE(snapshot.node_entries().empty());
  EXPECT_EQ(snapshot.find("orders")->config.max_message_bytes, TopicConfig().max_message_bytes);
}

TEST(Catalog, RefusesChangesThatNobodyCanHaveMade) {
  const Topic topic = some_topic();
  Topic fewer = topic;
  fewer.partition_count = 11;
  Topic wrong = topic;
  wrong.config_entries = {{"retention.ms", "soon"}};
  Topic unknown = topic;
  unknown.id = {7, 8};
  for (const std::vector<std::byte>& record :
       {encode_partitions_created(fewer), encode_topic_configured(wrong),
        encode_topic_configured(unknown), encode_partitions_created(unknown),
        encode_node_configured("1", {{"retention.ms", "5"}})}) {
    CatalogSnapshot snapshot;
    ASSERT_TRUE(apply_catalog_records(encode_topic_created(topic), TopicConfig(), snapshot).ok());
    EXPECT_EQ(apply_catalog_records(record, TopicConfig(), snapshot).error(), Error::corrupt);
    EXPECT_EQ(snapshot.find("orders")->partition_count, 12u);
  }
}

TEST(TopicConfig, TakesWhatItKnowsAndNamesWhatItDoesNot) {
  std::string what;
  EXPECT_TRUE(TopicConfig::parse({{"segment.bytes", "1048576"}}, what).ok());
  EXPECT_FALSE(TopicConfig::parse({{"segment.bytes", "1e6"}}, what).ok());
  EXPECT_FALSE(TopicConfig::parse({{"max.message.bytes", "-1"}}, what).ok());
  EXPECT_FALSE(TopicConfig::parse({{"penstock.durability", "maybe"}}, what).ok());
  EXPECT_FALSE(TopicConfig::parse({{"no.such.thing", "1"}}, what).ok());
  EXPECT_NE(what.find("no.such.thing"), std::string::npos);
}

TEST(TopicConfig, TakesTheNodesDefaultsWhereTheTopicSaysNothing) {
  TopicConfig defaults;
  defaults.retention_ms = 1000;
  defaults.retention_bytes = 2000;
  defaults.segment_ms = 3000;
  std::string what;
  const auto config =
      TopicConfig::parse({{"retention.ms", "-1"}, {"segment.ms", "50"}}, what, defaults);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config.value().retention_ms, -1);
  EXPECT_EQ(config.value().retention_bytes, 2000);
  EXPECT_EQ(config.value().segment_ms, 50);
}

TEST(TopicConfig, RefusesRetentionItCannotKeep) {
  std::string what;
  EXPECT_TRUE(TopicConfig::parse({{"cleanup.policy", "delete"}}, what).ok());
  const std::pair<const char*, const char*> refused[] = {
      {"retention.ms", "-2"},    {"retention.ms", "1h"},
      {"retention.bytes", "-2"}, {"retention.bytes", "9223372036854775808"},
      {"segment.ms", "0"},       {"segment.ms", ""}};
  for (const auto& [name, value] : refused) {
    EXPECT_FALSE(TopicConfig::parse({{name, value}}, what).ok()) << name << "=" << value;
    EXPECT_NE(what.find(name), std::string::npos);
  }
}

TEST(TopicName, IsWhatKafkaAllows) {
  EXPECT_TRUE(is_valid_topic_name("a"));
  EXPECT_TRUE(is_valid_topic_name("A.b_c-9"));
  EXPECT_TRUE(is_valid_topic_name(std::string(249, 'x')));
  EXPECT_FALSE(is_valid_topic_name(std::string(250, 'x')));
  for (const char* name : {"", ".", "..", "a/b", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(is_valid_topic_name(name)) << name;
  }
}

}  // namespace
}  // namespace penstock
