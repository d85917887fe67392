// OffsetFetch: the places that groups keep.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kOffsetFetchApi{
    .key = ApiKey::offset_fetch, .advertised = {1, 9}, .served = {1, 9}, .flexible_since = 6};

struct OffsetFetchRequest {
  static constexpr const Api& kApi = kOffsetFetchApi;

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

  struct Group {
    std::string_view group_id;
    std::optional<std::string_view> member_id;
    int32_t member_epoch = -1;
    std::optional<std::vector<Topic>> topics;  // null: all

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Group::group_id, since(8));
      fields(&Group::member_id, since(9).nullable());
      fields(&Group::member_epoch, since(9));
      fields(&Group::topics, since(8).nullable());
    }
    bool operator==(const Group&) const = default;
  };

  std::string_view group_id;                 // this and `topics` up to version 7
  std::optional<std::vector<Topic>> topics;  // null: all
  std::vector<Group> groups;
  bool require_stable = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetFetchRequest::group_id, between(1, 7));
    fields(&OffsetFetchRequest::topics, between(1, 7).nullable_since(2));
    fields(&OffsetFetchRequest::groups, since(8));
    fields(&OffsetFetchRequest::require_stable, since(7));
  }
  bool operator==(const OffsetFetchRequest&) const = default;
};

struct OffsetFetchResponse {
  static constexpr const Api& kApi = kOffsetFetchApi;

  struct Partition {
    int32_t index = 0;
    int64_t committed_offset = -1;  // -1: none
    int32_t committed_leader_epoch = -1;
    std::optional<std::string_view> metadata;
    KafkaError error_code = KafkaError::none;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::committed_offset);
      fields(&Partition::committed_leader_epoch, since(5));
      fields(&Partition::metadata, always().nullable());
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

  struct Group {
    std::string_view group_id;
    std::vector<Topic> topics;
    KafkaError error_code = KafkaError::none;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Group::group_id, since(8));
      fields(&Group::topics, since(8));
      fields(&Group::error_code, since(8));
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  KafkaError error_code = KafkaError::none;
  std::vector<Group> groups;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetFetchResponse::throttle_time_ms, since(3));
    fields(&OffsetFetchResponse::topics, between(1, 7));
    fields(&OffsetFetchResponse::error_code, between(2, 7));
    fields(&OffsetFetchResponse::groups, since(8));
  }
  bool operator==(const OffsetFetchResponse&) const = default;
};

}  // namespace penstock::kafka
