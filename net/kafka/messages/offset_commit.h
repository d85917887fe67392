// OffsetCommit: a consumer group keeps its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kOffsetCommitApi{
    .key = ApiKey::offset_commit, .advertised = {2, 9}, .served = {2, 9}, .flexible_since = 8};

struct OffsetCommitRequest {
  static constexpr const Api& kApi = kOffsetCommitApi;

  struct Partition {
    int32_t index = 0;
    int64_t committed_offset = 0;
    int32_t committed_leader_epoch = -1;
    std::optional<std::string_view> committed_metadata;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::committed_offset);
      fields(&Partition::committed_leader_epoch, since(6));
      fields(&Partition::committed_metadata, always().nullable());
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

  std::string_view group_id;
  int32_t generation_id = -1;  // or a member's epoch; -1: the consumer is no member
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  int64_t retention_time_ms = -1;  // -1: as the server is configured
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetCommitRequest::group_id);
    fields(&OffsetCommitRequest::generation_id);
    fields(&OffsetCommitRequest::member_id);
    fields(&OffsetCommitRequest::group_instance_id, since(7).nullable());
    fields(&OffsetCommitRequest::retention_time_ms, between(2, 4));
    fields(&OffsetCommitRequest::topics);
  }
  bool operator==(const OffsetCommitRequest&) const = default;
};

struct OffsetCommitResponse {
  static constexpr const Api& kApi = kOffsetCommitApi;

  struct Partition {
    int32_t index = 0;
    KafkaError error_code = KafkaError::none;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::error_code);
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
    fields(&OffsetCommitResponse::throttle_time_ms, since(3));
    fields(&OffsetCommitResponse::topics);
  }
  bool operator==(const OffsetCommitResponse&) const = default;
};

}  // namespace penstock::kafka
