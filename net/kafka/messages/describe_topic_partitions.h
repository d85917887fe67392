// DescribeTopicPartitions: topics and their partitions, some at a time.
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

inline constexpr Api kDescribeTopicPartitionsApi{.key = ApiKey::describe_topic_partitions,
                                                 .advertised = {0, 0},
                                                 .served = {0, 0},
                                                 .flexible_since = 0};

struct DescribeTopicPartitionsRequest {
  static constexpr const Api& kApi = kDescribeTopicPartitionsApi;

  struct Topic {
    std::string_view name;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
    }
    bool operator==(const Topic&) const = default;
  };

  struct Cursor {
    std::string_view topic_name;
    int32_t partition_index = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Cursor::topic_name);
      fields(&Cursor::partition_index);
    }
    bool operator==(const Cursor&) const = default;
  };

  std::vector<Topic> topics;  // empty: all
  int32_t response_partition_limit = 2000;
  std::optional<Cursor> cursor;  // where to go on

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeTopicPartitionsRequest::topics);
    fields(&DescribeTopicPartitionsRequest::response_partition_limit);
    fields(&DescribeTopicPartitionsRequest::cursor, always().nullable());
  }
  bool operator==(const DescribeTopicPartitionsRequest&) const = default;
};

struct DescribeTopicPartitionsResponse {
  static constexpr const Api& kApi = kDescribeTopicPartitionsApi;

  struct Partition {
    KafkaError error_code = KafkaError::none;
    int32_t partition_index = 0;
    int32_t leader_id = 0;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes;
    std::vector<int32_t> isr_nodes;
    std::optional<std::vector<int32_t>> eligible_leader_replicas;
    std::optional<std::vector<int32_t>> last_known_elr;
    std::vector<int32_t> offline_replicas;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::error_code);
      fields(&Partition::partition_index);
      fields(&Partition::leader_id);
      fields(&Partition::leader_epoch);
      fields(&Partition::replica_nodes);
      fields(&Partition::isr_nodes);
      fields(&Partition::eligible_leader_replicas, always().nullable());
      fields(&Partition::last_known_elr, always().nullable());
      fields(&Partition::offline_replicas);
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> name;
    Uuid topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t topic_authorized_operations = std::numeric_limits<int32_t>::min();

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::error_code);
      fields(&Topic::name, always().nullable());
      fields(&Topic::topic_id);
      fields(&Topic::is_internal);
      fields(&Topic::partitions);
      fields(&Topic::topic_authorized_operations);
    }
    bool operator==(const Topic&) const = default;
  };

  struct Cursor {
    std::string_view topic_name;
    int32_t partition_index = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Cursor::topic_name);
      fields(&Cursor::partition_index);
    }
    bool operator==(const Cursor&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::optional<Cursor> next_cursor;  // null: that was all

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeTopicPartitionsResponse::throttle_time_ms);
    fields(&DescribeTopicPartitionsResponse::topics);
    fields(&DescribeTopicPartitionsResponse::next_cursor, always().nullable());
  }
  bool operator==(const DescribeTopicPartitionsResponse&) const = default;
};

}  // namespace penstock::kafka
