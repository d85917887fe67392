// ElectLeaders: asks for leaders to be elected anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kElectLeadersApi{
    .key = ApiKey::elect_leaders, .advertised = {0, 2}, .served = {0, 2}, .flexible_since = 2};

struct ElectLeadersRequest {
  static constexpr const Api& kApi = kElectLeadersApi;

  struct TopicPartitions {
    std::string_view topic;
    std::vector<int32_t> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&TopicPartitions::topic);
      fields(&TopicPartitions::partitions);
    }
    bool operator==(const TopicPartitions&) const = default;
  };

  int8_t election_type = 0;                                      // 0 preferred, 1 unclean
  std::optional<std::vector<TopicPartitions>> topic_partitions;  // null: all
  int32_t timeout_ms = 60000;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ElectLeadersRequest::election_type, since(1));
    fields(&ElectLeadersRequest::topic_partitions, always().nullable());
    fields(&ElectLeadersRequest::timeout_ms);
  }
  bool operator==(const ElectLeadersRequest&) const = default;
};

struct ElectLeadersResponse {
  static constexpr const Api& kApi = kElectLeadersApi;

  struct Partition {
    int32_t partition_id = 0;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_id);
      fields(&Partition::error_code);
      fields(&Partition::error_message, always().nullable());
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string_view topic;
    std::vector<Partition> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::topic);
      fields(&Topic::partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ElectLeadersResponse::throttle_time_ms);
    fields(&ElectLeadersResponse::error_code, since(1));
    fields(&ElectLeadersResponse::topics);
  }
  bool operator==(const ElectLeadersResponse&) const = default;
};

}  // namespace penstock::kafka
