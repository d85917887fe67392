// ListOffsets: the offset that belongs to a timestamp, or to an end of the log.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kListOffsetsApi{
    .key = ApiKey::list_offsets, .advertised = {1, 10}, .served = {1, 10}, .flexible_since = 6};

struct ListOffsetsRequest {
  static constexpr const Api& kApi = kListOffsetsApi;

  // Timestamps that are none.
  static constexpr int64_t kLatest = -1;
  static constexpr int64_t kEarliest = -2;
  static constexpr int64_t kMaxTimestamp = -3;   // since version 7
  static constexpr int64_t kEarliestLocal = -4;  // since version 8: of what is not tiered
  static constexpr int64_t kLatestTiered = -5;   // since version 9

  struct Partition {
    int32_t index = 0;
    int32_t current_leader_epoch = -1;  // -1: do not check
    int64_t timestamp_ms = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::current_leader_epoch, since(4));
      fields(&Partition::timestamp_ms);
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

  int32_t replica_id = -1;     // -1: a consumer
  int8_t isolation_level = 0;  // 1: committed transactions only
  std::vector<Topic> topics;
  int32_t timeout_ms = 0;  // for what must be fetched from a tier

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ListOffsetsRequest::replica_id);
    fields(&ListOffsetsRequest::isolation_level, since(2));
    fields(&ListOffsetsRequest::topics);
    fields(&ListOffsetsRequest::timeout_ms, since(10));
  }
  bool operator==(const ListOffsetsRequest&) const = default;
};

struct ListOffsetsResponse {
  static constexpr const Api& kApi = kListOffsetsApi;

  struct Partition {
    int32_t index = 0;
    KafkaError error_code = KafkaError::none;
    int64_t timestamp_ms = -1;
    int64_t offset = -1;
    int32_t leader_epoch = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::error_code);
      fields(&Partition::timestamp_ms, since(1));
      fields(&Partition::offset, since(1));
      fields(&Partition::leader_epoch, since(4));
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
    fields(&ListOffsetsResponse::throttle_time_ms, since(2));
    fields(&ListOffsetsResponse::topics);
  }
  bool operator==(const ListOffsetsResponse&) const = default;
};

}  // namespace penstock::kafka
