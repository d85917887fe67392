// AlterPartitionReassignments: moves replicas between brokers, or ends such a move.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kAlterPartitionReassignmentsApi{.key = ApiKey::alter_partition_reassignments,
                                                     .advertised = {0, 0},
                                                     .served = {0, 0},
                                                     .flexible_since = 0};

struct AlterPartitionReassignmentsRequest {
  static constexpr const Api& kApi = kAlterPartitionReassignmentsApi;

  struct Partition {
    int32_t partition_index = 0;
    std::optional<std::vector<int32_t>> replicas;  // null: a move is to be ended

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::replicas, always().nullable());
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string_view name;
    std::vector<Partition> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t timeout_ms = 60000;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&AlterPartitionReassignmentsRequest::timeout_ms);
    fields(&AlterPartitionReassignmentsRequest::topics);
  }
  bool operator==(const AlterPartitionReassignmentsRequest&) const = default;
};

struct AlterPartitionReassignmentsResponse {
  static constexpr const Api& kApi = kAlterPartitionReassignmentsApi;

  struct Partition {
    int32_t partition_index = 0;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::error_code);
      fields(&Partition::error_message, always().nullable());
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string_view name;
    std::vector<Partition> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::optional<std::string_view> error_message;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&AlterPartitionReassignmentsResponse::throttle_time_ms);
    fields(&AlterPartitionReassignmentsResponse::error_code);
    fields(&AlterPartitionReassignmentsResponse::error_message, always().nullable());
    fields(&AlterPartitionReassignmentsResponse::topics);
  }
  bool operator==(const AlterPartitionReassignmentsResponse&) const = default;
};

}  // namespace penstock::kafka
