#include "net/kafka/broker_config.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace penstock::kafka {
namespace {

Result<void> give(BrokerConfig& config, std::string_view name, std::string_view text) {
  std::string what;
  const Result<void> given = config.give(name, text, what);
  EXPECT_EQ(what.empty(), given.ok());
  EXPECT_TRUE(given.ok() || what.find(name) != std::string::npos) << what;
  return given;
}

TEST(BrokerConfig, HasEachPropertyOnceWithADefaultThatItTakes) {
  const BrokerConfig config;
  std::set<std::string_view> names;
  for (const BrokerProperty& property : config.properties()) {
    EXPECT_TRUE(names.insert(property.name).second) << property.name;
    EXPECT_EQ(config.find(property.name), &property);
    EXPECT_FALSE(property.doc.empty()) << property.name;
    BrokerSettings settings;
    if (property.default_text) {
      EXPECT_TRUE(property.apply(settings, *property.default_text)) << property.name;
    }
  }
  EXPECT_EQ(config.find("no.such"), nullptr);
}

// What is told to be the default is what is there without being given.
TEST(BrokerConfig, ItsDefaultsAreTheNodesOwn) {
  const BrokerConfig nothing_given;
  const BrokerSettings without = nothing_given.settings();
  BrokerConfig config;
  for (const BrokerProperty& property : nothing_given.properties()) {
    if (!property.default_text) continue;
    EXPECT_TRUE(give(config, property.name, *property.default_text).ok());
  }
  const BrokerSettings with = config.settings();
  EXPECT_EQ(with.server.node_id, without.server.node_id);
  EXPECT_EQ(with.server.auto_create_topics, without.server.auto_create_topics);
  EXPECT_EQ(with.server.delete_topics, without.server.delete_topics);
  EXPECT_EQ(with.server.default_partitions, without.server.default_partitions);
  EXPECT_EQ(with.server.connections_idle_ms_max, without.server.connections_idle_ms_max);
  EXPECT_EQ(with.server.frames.size_bytes_max, without.server.frames.size_bytes_max);
  EXPECT_EQ(with.engine.retention_interval_ns, without.engine.retention_interval_ns);
  for (const TopicConfigEntry& entry : topic_config_table()) {
    EXPECT_EQ(entry.get(with.engine.topic_defaults), entry.get(without.engine.topic_defaults))
        << entry.name;
  }
}

TEST(BrokerConfig, TheFinestUnitWins) {
  BrokerConfig config;
  EXPECT_EQ(config.settings().engine.topic_defaults.retention_ms, 168ll * 3'600'000);
  ASSERT_TRUE(give(config, "log.retention.hours", "2").ok());
  EXPECT_EQ(config.settings().engine.topic_defaults.retention_ms, 7'200'000);
  ASSERT_TRUE(give(config, "log.retention.minutes", "3").ok());
  EXPECT_EQ(config.settings().engine.topic_defaults.retention_ms, 180'000);
  ASSERT_TRUE(give(config, "log.retention.ms", "-1").ok());
  EXPECT_EQ(config.settings().engine.topic_defaults.retention_ms, -1);
  ASSERT_TRUE(give(config, "log.roll.hours", "2").ok());
  EXPECT_EQ(config.settings().engine.topic_defaults.segment_ms, 7'200'000);
}

TEST(BrokerConfig, RefusesWhatItCannotKeepAndSaysWhy) {
  BrokerConfig config;
  const std::pair<const char*, const char*> refused[] = {
      {"default.replication.factor", "3"},
      {"offsets.topic.replication.factor", "3"},
      {"authorizer.class.name", "org.example.Authorizer"},
      {"sasl.enabled.mechanisms", "PLAIN"},
      {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,OUTSIDE:SASL_SSL"},
      {"log.retention.ms", "-2"},
      {"log.retention.hours", "many"},
      {"num.partitions", "0"},
      {"auto.create.topics.enable", "perhaps"},
      {"listeners", ""},
      {"listeners", "PLAINTEXT://a:1,SASL_SSL://b:2"},
      {"message.max.bytes", "1000000000"}};
  for (const auto& [name, text] : refused) {
    EXPECT_FALSE(give(config, name, text).ok()) << name;
    EXPECT_EQ(config.given(name), nullptr);
  }
  EXPECT_TRUE(config.warnings().empty());
  EXPECT_TRUE(give(config, "default.replication.factor", "1").ok());
  EXPECT_TRUE(give(config, "listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT").ok());
}

TEST(BrokerConfig, TellsOfWhatOthersHaveParsed) {
  BrokerConfig config;
  {
    const std::string name = "another.number";
    BrokerProperty property;
    property.name = name;
    property.default_text = "5";
    config.adopt(property, "6");
  }
  ASSERT_NE(config.find("another.number"), nullptr);
  EXPECT_EQ(config.find("another.number")->default_text, "5");
  EXPECT_EQ(*config.given("another.number"), "6");
  EXPECT_FALSE(config.find("another.number")->dynamic());
  (void)config.settings();
}

TEST(BrokerConfig, WarnsOfWhatDoesNothing) {
  BrokerConfig config;
  ASSERT_TRUE(give(config, "num.io.threads", "16").ok());
  ASSERT_TRUE(give(config, "log.preallocate", "true").ok());
  ASSERT_TRUE(give(config, "num.partitions", "2").ok());
  ASSERT_EQ(config.warnings().size(), 2u);
  EXPECT_NE(config.warnings()[0].find("log.preallocate = true: No effect"), std::string::npos);
  EXPECT_NE(config.warnings()[1].find("num.io.threads"), std::string::npos);
}

}  // namespace
}  // namespace penstock::kafka
