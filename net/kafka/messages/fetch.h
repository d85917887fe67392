// Fetch: read record batches of some partitions, waiting for enough of them if asked to.
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

inline constexpr Api kFetchApi{
    .key = ApiKey::fetch, .advertised = {4, 17}, .served = {4, 17}, .flexible_since = 12};

struct FetchRequest {
  static constexpr const Api& kApi = kFetchApi;

  // A follower's.
  struct ReplicaState {
    int32_t replica_id = -1;
    int64_t replica_epoch = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&ReplicaState::replica_id, since(15));
      fields(&ReplicaState::replica_epoch, since(15));
    }
    bool operator==(const ReplicaState&) const = default;
  };

  struct Partition {
    int32_t index = 0;
    int32_t current_leader_epoch = -1;  // -1: do not check
    int64_t fetch_offset = 0;
    int32_t last_fetched_epoch = -1;  // of the record before fetch_offset; -1: do not check
    int64_t log_start_offset = -1;    // a follower's
    int32_t size_bytes_max = 0;
    Uuid replica_directory_id;  // a follower's

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::current_leader_epoch, since(9));
      fields(&Partition::fetch_offset);
      fields(&Partition::last_fetched_epoch, since(12));
      fields(&Partition::log_start_offset, since(5));
      fields(&Partition::size_bytes_max);
      fields(&Partition::replica_directory_id, since(17).with_tag(0));
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string_view name;  // until version 12
    Uuid topic_id;          // since version 13
    std::vector<Partition> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name, between(0, 12));
      fields(&Topic::topic_id, since(13));
      fields(&Topic::partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  // To be left out of the session from now on.
  struct ForgottenTopic {
    std::string_view name;
    Uuid topic_id;
    std::vector<int32_t> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&ForgottenTopic::name, between(7, 12));
      fields(&ForgottenTopic::topic_id, since(13));
      fields(&ForgottenTopic::partitions, since(7));
    }
    bool operator==(const ForgottenTopic&) const = default;
  };

  std::optional<std::string_view> cluster_id;  // a follower's
  int32_t replica_id = -1;                     // -1: a consumer
  ReplicaState replica_state;
  int32_t wait_ms_max = 0;
  int32_t size_bytes_min = 0;
  int32_t size_bytes_max = std::numeric_limits<int32_t>::max();
  int8_t isolation_level = 0;  // 1: committed transactions only
  int32_t session_id = 0;
  int32_t session_epoch = -1;  // -1: no session, 0: a new one
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics;
  std::string_view rack_id;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&FetchRequest::cluster_id, since(12).nullable_since(12).with_tag(0));
    fields(&FetchRequest::replica_id, between(0, 14));
    fields(&FetchRequest::replica_state, since(15).with_tag(1));
    fields(&FetchRequest::wait_ms_max);
    fields(&FetchRequest::size_bytes_min);
    fields(&FetchRequest::size_bytes_max, since(3));
    fields(&FetchRequest::isolation_level, since(4));
    fields(&FetchRequest::session_id, since(7));
    fields(&FetchRequest::session_epoch, since(7));
    fields(&FetchRequest::topics);
    fields(&FetchRequest::forgotten_topics, since(7));
    fields(&FetchRequest::rack_id, since(11));
  }
  bool operator==(const FetchRequest&) const = default;
};

struct FetchResponse {
  static constexpr const Api& kApi = kFetchApi;

  struct AbortedTransaction {
    int64_t producer_id = 0;
    int64_t first_offset = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&AbortedTransaction::producer_id, since(4));
      fields(&AbortedTransaction::first_offset, since(4));
    }
    bool operator==(const AbortedTransaction&) const = default;
  };

  // Up to where the client's log and this one are the same.
  struct EpochEndOffset {
    int32_t epoch = -1;
    int64_t end_offset = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&EpochEndOffset::epoch, since(12));
      fields(&EpochEndOffset::end_offset, since(12));
    }
    bool operator==(const EpochEndOffset&) const = default;
  };

  // For a client that believes in another leader.
  struct LeaderIdAndEpoch {
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&LeaderIdAndEpoch::leader_id, since(12));
      fields(&LeaderIdAndEpoch::leader_epoch, since(12));
    }
    bool operator==(const LeaderIdAndEpoch&) const = default;
  };

  // For followers of a metadata log.
  struct SnapshotId {
    int64_t end_offset = -1;
    int32_t epoch = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&SnapshotId::end_offset);
      fields(&SnapshotId::epoch);
    }
    bool operator==(const SnapshotId&) const = default;
  };

  struct Partition {
    int32_t index = 0;
    KafkaError error_code = KafkaError::none;
    int64_t high_watermark = 0;
    int64_t last_stable_offset = -1;
    int64_t log_start_offset = -1;
    EpochEndOffset diverging_epoch;
    LeaderIdAndEpoch current_leader;
    SnapshotId snapshot_id;
    std::optional<std::vector<AbortedTransaction>> aborted_transactions;
    int32_t preferred_read_replica = -1;
    std::optional<Records> records;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::error_code);
      fields(&Partition::high_watermark);
      fields(&Partition::last_stable_offset, since(4));
      fields(&Partition::log_start_offset, since(5));
      fields(&Partition::diverging_epoch, since(12).with_tag(0));
      fields(&Partition::current_leader, since(12).with_tag(1));
      fields(&Partition::snapshot_id, since(12).with_tag(2));
      fields(&Partition::aborted_transactions, since(4).nullable_since(4));
      fields(&Partition::preferred_read_replica, since(11));
      fields(&Partition::records, always().nullable());
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string_view name;  // until version 12
    Uuid topic_id;          // since version 13
    std::vector<Partition> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name, between(0, 12));
      fields(&Topic::topic_id, since(13));
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
      fields(&NodeEndpoint::node_id, since(16));
      fields(&NodeEndpoint::host, since(16));
      fields(&NodeEndpoint::port, since(16));
      fields(&NodeEndpoint::rack, since(16).nullable_since(16));
    }
    bool operator==(const NodeEndpoint&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  int32_t session_id = 0;  // 0: no session
  std::vector<Topic> topics;
  std::vector<NodeEndpoint> node_endpoints;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&FetchResponse::throttle_time_ms, since(1));
    fields(&FetchResponse::error_code, since(7));
    fields(&FetchResponse::session_id, since(7));
    fields(&FetchResponse::topics);
    fields(&FetchResponse::node_endpoints, since(16).with_tag(0));
  }
  bool operator==(const FetchResponse&) const = default;
};

}  // namespace penstock::kafka
