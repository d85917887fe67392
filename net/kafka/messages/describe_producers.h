// DescribeProducers: the idempotent producers that partitions know.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDescribeProducersApi{
    .key = ApiKey::describe_producers, .advertised = {0, 0}, .served = {0, 0}, .flexible_since = 0};

struct DescribeProducersRequest {
  static constexpr const Api& kApi = kDescribeProducersApi;

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

  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeProducersRequest::topics);
  }
  bool operator==(const DescribeProducersRequest&) const = default;
};

struct DescribeProducersResponse {
  static constexpr const Api& kApi = kDescribeProducersApi;

  struct Producer {
    int64_t producer_id = -1;
    int32_t producer_epoch = -1;
    int32_t last_sequence = -1;
    int64_t last_timestamp_ms = -1;
    int32_t coordinator_epoch = -1;          // of a transactional one
    int64_t current_transaction_start = -1;  // an offset

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Producer::producer_id);
      fields(&Producer::producer_epoch);
      fields(&Producer::last_sequence);
      fields(&Producer::last_timestamp_ms);
      fields(&Producer::coordinator_epoch);
      fields(&Producer::current_transaction_start);
    }
    bool operator==(const Producer&) const = default;
  };

  struct Partition {
    int32_t partition_index = 0;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    std::vector<Producer> active_producers;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::error_code);
      fields(&Partition::error_message, always().nullable());
      fields(&Partition::active_producers);
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
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeProducersResponse::throttle_time_ms);
    fields(&DescribeProducersResponse::topics);
  }
  bool operator==(const DescribeProducersResponse&) const = default;
};

}  // namespace penstock::kafka
