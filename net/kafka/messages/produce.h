// Produce: append one record batch to each of some partitions.
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

// Versions 0 to 2 carry message formats that nobody serves any more, Kafka neither. They are advertised as Kafka
// advertises them, because librdkafka before 2025 compresses only for a broker that does; sending one ends the
// connection.
inline constexpr Api kProduceApi{
    .key = ApiKey::produce, .advertised = {0, 9}, .served = {3, 9}, .flexible_since = 9};

struct ProduceRequest {
  static constexpr const Api& kApi = kProduceApi;

  struct Partition {
    int32_t index = 0;
    std::optional<Records> records;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::records, always().nullable());
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

  std::optional<std::string_view> transactional_id;
  int16_t acks = 0;  // 0: no response at all; 1: the leader's log; -1: all in-sync replicas
  int32_t timeout_ms = 0;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ProduceRequest::transactional_id, since(3).nullable());
    fields(&ProduceRequest::acks);
    fields(&ProduceRequest::timeout_ms);
    fields(&ProduceRequest::topics);
  }
  bool operator==(const ProduceRequest&) const = default;
};

struct ProduceResponse {
  static constexpr const Api& kApi = kProduceApi;

  struct RecordError {
    int32_t batch_index = 0;  // of the record within the batch
    std::optional<std::string_view> message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&RecordError::batch_index, since(8));
      fields(&RecordError::message, since(8).nullable());
    }
    bool operator==(const RecordError&) const = default;
  };

  struct Partition {
    int32_t index = 0;
    KafkaError error_code = KafkaError::none;
    int64_t base_offset = 0;
    int64_t log_append_time_ms = -1;  // -1: the topic keeps the producers' timestamps
    int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors;
    std::optional<std::string_view> error_message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::error_code);
      fields(&Partition::base_offset);
      fields(&Partition::log_append_time_ms, since(2));
      fields(&Partition::log_start_offset, since(5));
      fields(&Partition::record_errors, since(8));
      fields(&Partition::error_message, since(8).nullable());
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

  std::vector<Topic> topics;
  int32_t throttle_time_ms = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ProduceResponse::topics);
    fields(&ProduceResponse::throttle_time_ms, since(1));
  }
  bool operator==(const ProduceResponse&) const = default;
};

}  // namespace penstock::kafka
