// Metadata: which brokers there are, and who leads which partition.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/authorized_operations.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kMetadataApi{
    .key = ApiKey::metadata, .advertised = {0, 12}, .served = {0, 12}, .flexible_since = 9};

struct MetadataRequest {
  static constexpr const Api& kApi = kMetadataApi;
  // librdkafka 2.x leaves bytes behind its question for all topics, from version 9 on.
  static constexpr bool kMayBeFollowed = true;

  struct Topic {
    Uuid topic_id;                         // not zero, since version 12: by id
    std::optional<std::string_view> name;  // null: by id

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::topic_id, since(10));
      fields(&Topic::name, always().nullable_since(10));
    }
    bool operator==(const Topic&) const = default;
  };

  // Null asks for all topics. In version 0 an empty list does, and later it asks for none.
  std::optional<std::vector<Topic>> topics;
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&MetadataRequest::topics, always().nullable_since(1));
    fields(&MetadataRequest::allow_auto_topic_creation, since(4));
    fields(&MetadataRequest::include_cluster_authorized_operations, between(8, 10));
    fields(&MetadataRequest::include_topic_authorized_operations, since(8));
  }
  bool operator==(const MetadataRequest&) const = default;
};

struct MetadataResponse {
  static constexpr const Api& kApi = kMetadataApi;

  struct Broker {
    int32_t node_id = 0;
    std::string_view host;
    int32_t port = 0;
    std::optional<std::string_view> rack;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Broker::node_id);
      fields(&Broker::host);
      fields(&Broker::port);
      fields(&Broker::rack, since(1).nullable());
    }
    bool operator==(const Broker&) const = default;
  };

  struct Partition {
    KafkaError error_code = KafkaError::none;
    int32_t index = 0;
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes;
    std::vector<int32_t> isr_nodes;
    std::vector<int32_t> offline_replicas;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::error_code);
      fields(&Partition::index);
      fields(&Partition::leader_id);
      fields(&Partition::leader_epoch, since(7));
      fields(&Partition::replica_nodes);
      fields(&Partition::isr_nodes);
      fields(&Partition::offline_replicas, since(5));
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> name;  // null, since version 12: an id that no topic has
    Uuid topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t authorized_operations = kOperationsNotAsked;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::error_code);
      fields(&Topic::name, always().nullable_since(12));
      fields(&Topic::topic_id, since(10));
      fields(&Topic::is_internal, since(1));
      fields(&Topic::partitions);
      fields(&Topic::authorized_operations, since(8));
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string_view> cluster_id;
  int32_t controller_id = -1;
  std::vector<Topic> topics;
  int32_t cluster_authorized_operations = kOperationsNotAsked;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&MetadataResponse::throttle_time_ms, since(3));
    fields(&MetadataResponse::brokers);
    fields(&MetadataResponse::cluster_id, since(2).nullable());
    fields(&MetadataResponse::controller_id, since(1));
    fields(&MetadataResponse::topics);
    fields(&MetadataResponse::cluster_authorized_operations, between(8, 10));
  }
  bool operator==(const MetadataResponse&) const = default;
};

}  // namespace penstock::kafka
