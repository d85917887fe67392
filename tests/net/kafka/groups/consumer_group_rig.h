// A group of the consumer protocol, the topics there are, the log its records go to, and members who do as they are told.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/record_batch.h"
#include "net/kafka/groups/consumer_group.h"
#include "net/kafka/groups/group_replay.h"
#include "tests/net/kafka/groups/group_rig.h"

namespace penstock::test {

struct ConsumerRig {
  using Heartbeat = kafka::ConsumerHeartbeat;
  using HeartbeatAnswer = kafka::ConsumerHeartbeatAnswer;

  ConsumerRig() {
    put_topic("topic", 6);
    group = std::make_shared<kafka::ConsumerGroup>("group", clock, settings);
  }

  TopicId put_topic(const std::string& name, uint32_t partition_count) {
    const Topic* known = catalog.find(name);
    Topic topic;
    topic.id = known != nullptr ? known->id : TopicId{7, ++topics_made};
    topic.name = name;
    topic.partition_count = partition_count;
    catalog.put(std::make_shared<const Topic>(topic));
    return topic.id;
  }
  kafka::CatalogView view() const { return {catalog, kafka::revision_of(catalog)}; }
  TopicId id_of(const std::string& name) const { return catalog.find(name)->id; }

  static Heartbeat joining(std::string_view member_id,
                           std::vector<std::string_view> topics = {"topic"}) {
    Heartbeat heartbeat;
    heartbeat.member_id = member_id;
    heartbeat.client_id = "client";
    heartbeat.client_host = "/host";
    heartbeat.rebalance_timeout_ms = 60'000;
    heartbeat.topics = std::move(topics);
    heartbeat.owned.emplace();
    return heartbeat;
  }

  HeartbeatAnswer send(const Heartbeat& heartbeat) {
    const HeartbeatAnswer answer = group->heartbeat(heartbeat, view());
    store();
    return answer;
  }

  // What a consumer does: joins, then tells what it reads, and stops reading what is not its own any more.
  HeartbeatAnswer join(const std::string& id, std::vector<std::string_view> topics = {"topic"}) {
    return heard(id, send(joining(id, std::move(topics))));
  }
  HeartbeatAnswer beat(const std::string& id) { return heard(id, send(beating(id))); }
  Heartbeat beating(const std::string& id) {
    Heartbeat heartbeat;
    const auto member = epochs.try_emplace(id).first;  // its key outlives the heartbeat
    heartbeat.member_id = member->first;
    heartbeat.epoch = member->second;
    heartbeat.client_id = "client";
    heartbeat.client_host = "/host";
    heartbeat.owned = owned[id];
    return heartbeat;
  }
  HeartbeatAnswer heard(const std::string& id, HeartbeatAnswer answer) {
    if (answer.error != kafka::KafkaError::none) return answer;
    epochs[id] = answer.epoch;
    if (answer.assignment) owned[id] = *answer.assignment;
    return answer;
  }
  kafka::KafkaError leave(const std::string& id, int32_t epoch = Heartbeat::kLeave,
                          std::optional<std::string_view> instance_id = {}) {
    Heartbeat heartbeat;
    heartbeat.member_id = id;
    heartbeat.epoch = epoch;
    heartbeat.instance_id = instance_id;
    return send(heartbeat).error;
  }
  // Until nothing moves any more.
  void settle(const std::vector<std::string>& ids) {
    for (size_t round = 0; round < 2 * ids.size() + 2; ++round) {
      for (const std::string& id : ids) beat(id);
    }
  }
  std::vector<int32_t> partitions(const std::string& id, const std::string& topic = "topic") {
    const auto found = owned[id].find(id_of(topic));
    return found == owned[id].end() ? std::vector<int32_t>() : found->second;
  }

  void pass_ms(uint64_t milliseconds) {
    clock.now_ns += milliseconds * 1'000'000;
    group->advance();
    store();
  }

  void store() {
    kafka::ConsumerGroup::Store store = std::move(group->take_store()).value();
    if (store.records.empty()) return;
    RecordBatchBuilder builder({.base_offset = Offset{next_offset}});
    for (const kafka::NewGroupRecord& record : store.records) append(builder, record);
    const std::vector<std::byte> batch = builder.build();
    log.insert(log.end(), batch.begin(), batch.end());
  }
  void append(RecordBatchBuilder& builder, const kafka::NewGroupRecord& record) {
    RecordBatchBuilder::NewRecord added;
    added.timestamp_ms = 1;
    added.key = record.key;
    if (record.value) added.value = *record.value;
    builder.add(added);
    ++next_offset;
  }
  // The process ends and begins again.
  void restart() {
    kafka::GroupReplay replay;
    EXPECT_TRUE(replay.apply(log).ok());
    EXPECT_EQ(replay.unreadable_count(), 0u);
    std::vector<kafka::GroupReplay::Replayed> groups = replay.take_groups(clock, settings);
    ASSERT_EQ(groups.size(), log.empty() ? 0u : 1u);
    group = groups.empty() ? std::make_shared<kafka::ConsumerGroup>("group", clock, settings)
                           : groups[0].consumer;
    ASSERT_NE(group, nullptr);
  }

  HandClock clock;
  kafka::GroupSettings settings;
  CatalogSnapshot catalog;
  uint64_t topics_made = 0;
  std::shared_ptr<kafka::ConsumerGroup> group;
  std::map<std::string, int32_t> epochs;
  std::map<std::string, kafka::PartitionSet> owned;
  uint64_t next_offset = 0;
  std::vector<std::byte> log;
};

}  // namespace penstock::test
