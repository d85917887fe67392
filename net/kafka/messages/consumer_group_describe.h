// ConsumerGroupDescribe: groups of the consumer protocol, with what each member has and is to have.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kConsumerGroupDescribeApi{.key = ApiKey::consumer_group_describe,
                                               .advertised = {0, 1},
                                               .served = {0, 1},
                                               .flexible_since = 0};

struct ConsumerGroupDescribeRequest {
  static constexpr const Api& kApi = kConsumerGroupDescribeApi;

  std::vector<std::string_view> group_ids;
  bool include_authorized_operations = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerGroupDescribeRequest::group_ids);
    fields(&ConsumerGroupDescribeRequest::include_authorized_operations);
  }
  bool operator==(const ConsumerGroupDescribeRequest&) const = default;
};

struct ConsumerGroupDescribeResponse {
  static constexpr const Api& kApi = kConsumerGroupDescribeApi;

  struct TopicPartitions {
    Uuid topic_id;
    std::string_view topic_name;
    std::vector<int32_t> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&TopicPartitions::topic_id);
      fields(&TopicPartitions::topic_name);
      fields(&TopicPartitions::partitions);
    }
    bool operator==(const TopicPartitions&) const = default;
  };

  struct Assignment {
    std::vector<TopicPartitions> topic_partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Assignment::topic_partitions);
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Member {
    static constexpr int8_t kOfConsumerProtocol = 1;

    std::string_view member_id;
    std::optional<std::string_view> instance_id;
    std::optional<std::string_view> rack_id;
    int32_t member_epoch = 0;
    std::string_view client_id;
    std::string_view client_host;
    std::vector<std::string_view> subscribed_topic_names;
    std::optional<std::string_view> subscribed_topic_regex;
    Assignment assignment;
    Assignment target_assignment;
    int8_t member_type = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Member::member_id);
      fields(&Member::instance_id, always().nullable());
      fields(&Member::rack_id, always().nullable());
      fields(&Member::member_epoch);
      fields(&Member::client_id);
      fields(&Member::client_host);
      fields(&Member::subscribed_topic_names);
      fields(&Member::subscribed_topic_regex, always().nullable());
      fields(&Member::assignment);
      fields(&Member::target_assignment);
      fields(&Member::member_type, since(1));
    }
    bool operator==(const Member&) const = default;
  };

  struct Group {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    std::string_view group_id;
    std::string_view group_state;
    int32_t group_epoch = 0;
    int32_t assignment_epoch = 0;
    std::string_view assignor_name;
    std::vector<Member> members;
    int32_t authorized_operations = std::numeric_limits<int32_t>::min();

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Group::error_code);
      fields(&Group::error_message, always().nullable());
      fields(&Group::group_id);
      fields(&Group::group_state);
      fields(&Group::group_epoch);
      fields(&Group::assignment_epoch);
      fields(&Group::assignor_name);
      fields(&Group::members);
      fields(&Group::authorized_operations);
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ConsumerGroupDescribeResponse::throttle_time_ms);
    fields(&ConsumerGroupDescribeResponse::groups);
  }
  bool operator==(const ConsumerGroupDescribeResponse&) const = default;
};

}  // namespace penstock::kafka
