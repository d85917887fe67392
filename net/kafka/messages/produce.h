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
// connection. Versions 11 and 12 look like 10; their errors and promises are about transactions, which clients begin
// only where a node names the feature. From 13 on topics go by id.
inline constexpr Api kProduceApi{
    .key = ApiKey::produce, .advertised = {0, 12}, .served = {3, 12}, .flexible_since = 9};

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

  // For a producer that believes in another leader. One node has none to name.
  struct LeaderIdAndEpoch {
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&LeaderIdAndEpoch::leader_id, since(10));
      fields(&LeaderIdAndEpoch::leader_epoch, since(10));
    }
    bool operator==(const LeaderIdAndEpoch&) const = default;
  };

  struct Partition {
    int32_t index = 0;
    KafkaError error_code = KafkaError::none;
    int64_t base_offset = 0;
    int64_t log_append_time_ms = -1;  // -1: the topic keeps the producers' timestamps
    int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors;
    std::optional<std::string_view> error_message;
    LeaderIdAndEpoch current_leader;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::error_code);
      fields(&Partition::base_offset);
      fields(&Partition::log_append_time_ms, since(2));
      fields(&Partition::log_start_offset, since(5));
      fields(&Partition::record_errors, since(8));
      fields(&Partition::error_message, since(8).nullable());
      fields(&Partition::current_leader, since(10).with_tag(0));
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

  // Where the leaders are that partitions name.
  struct NodeEndpoint {
    int32_t node_id = 0;
    std::string_view host;
    int32_t port = 0;
    std::optional<std::string_view> rack;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&NodeEndpoint::node_id, since(10));
      fields(&NodeEndpoint::host, since(10));
      fields(&NodeEndpoint::port, since(10));
      fields(&NodeEndpoint::rack, since(10).nullable_since(10));
    }
    bool operator==(const NodeEndpoint&) const = default;
  };

  std::vector<Topic> topics;
  int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ProduceResponse::topics);
    fields(&ProduceResponse::throttle_time_ms, since(1));
    fields(&ProduceResponse::node_endpoints, since(10).with_tag(0));
  }
  bool operator==(const ProduceResponse&) const = default;
};

}  // namespace penstock::kafka
