// ListPartitionReassignments: which replicas are being moved.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kListPartitionReassignmentsApi{.key = ApiKey::list_partition_reassignments,
                                                    .advertised = {0, 0},
                                                    .served = {0, 0},
                                                    .flexible_since = 0};

struct ListPartitionReassignmentsRequest {
  static constexpr const Api& kApi = kListPartitionReassignmentsApi;

  struct Topic {
    std::string_view name;
    std::vector<int32_t> partition_indexes;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::partition_indexes);
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t timeout_ms = 60000;
  std::optional<std::vector<Topic>> topics;  // null: all

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ListPartitionReassignmentsRequest::timeout_ms);
    fields(&ListPartitionReassignmentsRequest::topics, always().nullable());
  }
  bool operator==(const ListPartitionReassignmentsRequest&) const = default;
};

struct ListPartitionReassignmentsResponse {
  static constexpr const Api& kApi = kListPartitionReassignmentsApi;

  struct Partition {
    int32_t partition_index = 0;
    std::vector<int32_t> replicas;
    std::vector<int32_t> adding_replicas;
    std::vector<int32_t> removing_replicas;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::replicas);
      fields(&Partition::adding_replicas);
      fields(&Partition::removing_replicas);
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
    fields(&ListPartitionReassignmentsResponse::throttle_time_ms);
    fields(&ListPartitionReassignmentsResponse::error_code);
    fields(&ListPartitionReassignmentsResponse::error_message, always().nullable());
    fields(&ListPartitionReassignmentsResponse::topics);
  }
  bool operator==(const ListPartitionReassignmentsResponse&) const = default;
};

}  // namespace penstock::kafka
