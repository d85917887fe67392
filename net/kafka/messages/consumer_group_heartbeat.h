// ConsumerGroupHeartbeat: a member of the consumer protocol joins, tells what it has, hears what it is to have, leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kConsumerGroupHeartbeatApi{.key = ApiKey::consumer_group_heartbeat,
                                                .advertised = {0, 1},
                                                .served = {0, 1},
                                                .flexible_since = 0};

// Some partitions of one topic, by its id.
struct ConsumerTopicPartitions {
  Uuid topic_id;
  std::vector<int32_t> partitions;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerTopicPartitions::topic_id);
    fields(&ConsumerTopicPartitions::partitions);
  }
  bool operator==(const ConsumerTopicPartitions&) const = default;
};

// What is null has not changed since the member told it last.
struct ConsumerGroupHeartbeatRequest {
  static constexpr const Api& kApi = kConsumerGroupHeartbeatApi;

  std::string_view group_id;
  std::string_view member_id;
  int32_t member_epoch = 0;  // 0: joins; -1: leaves; -2: leaves for now
  std::optional<std::string_view> instance_id;
  std::optional<std::string_view> rack_id;
  int32_t rebalance_timeout_ms = -1;  // -1: not changed
  std::optional<std::vector<std::string_view>> subscribed_topic_names;
  std::optional<std::string_view> subscribed_topic_regex;
  std::optional<std::string_view> server_assignor;
  std::optional<std::vector<ConsumerTopicPartitions>> topic_partitions;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    using Request = ConsumerGroupHeartbeatRequest;
    fields(&Request::group_id);
    fields(&Request::member_id);
    fields(&Request::member_epoch);
    fields(&Request::instance_id, always().nullable());
    fields(&Request::rack_id, always().nullable());
    fields(&Request::rebalance_timeout_ms);
    fields(&Request::subscribed_topic_names, always().nullable());
    fields(&Request::subscribed_topic_regex, since(1).nullable());
    fields(&Request::server_assignor, always().nullable());
    fields(&Request::topic_partitions, always().nullable());
  }
  bool operator==(const ConsumerGroupHeartbeatRequest&) const = default;
};

struct ConsumerGroupHeartbeatResponse {
  static constexpr const Api& kApi = kConsumerGroupHeartbeatApi;

  struct Assignment {
    std::vector<ConsumerTopicPartitions> topic_partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Assignment::topic_partitions);
    }
    bool operator==(const Assignment&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::optional<std::string_view> error_message;
  std::optional<std::string_view> member_id;
  int32_t member_epoch = 0;
  int32_t heartbeat_interval_ms = 0;
  std::optional<Assignment> assignment;  // null: as before

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    using Response = ConsumerGroupHeartbeatResponse;
    fields(&Response::throttle_time_ms);
    fields(&Response::error_code);
    fields(&Response::error_message, always().nullable());
    fields(&Response::member_id, always().nullable());
    fields(&Response::member_epoch);
    fields(&Response::heartbeat_interval_ms);
    fields(&Response::assignment, always().nullable());
  }
  bool operator==(const ConsumerGroupHeartbeatResponse&) const = default;
};

}  // namespace penstock::kafka
