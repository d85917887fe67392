// OffsetForLeaderEpoch: where the records of a leader epoch end, so that a reader can tell whether the log it has read
// is still this one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kOffsetForLeaderEpochApi{.key = ApiKey::offset_for_leader_epoch,
                                              .advertised = {0, 4},
                                              .served = {0, 4},
                                              .flexible_since = 4};

struct OffsetForLeaderEpochRequest {
  static constexpr const Api& kApi = kOffsetForLeaderEpochApi;

  struct Partition {
    int32_t index = 0;
    int32_t current_leader_epoch = -1;  // -1: do not check
    int32_t leader_epoch = 0;           // whose end is asked for

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::index);
      fields(&Partition::current_leader_epoch, since(2));
      fields(&Partition::leader_epoch);
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

  int32_t replica_id = -2;  // -1: a consumer
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetForLeaderEpochRequest::replica_id, since(3));
    fields(&OffsetForLeaderEpochRequest::topics);
  }
  bool operator==(const OffsetForLeaderEpochRequest&) const = default;
};

struct OffsetForLeaderEpochResponse {
  static constexpr const Api& kApi = kOffsetForLeaderEpochApi;

  struct Partition {
    KafkaError error_code = KafkaError::none;
    int32_t index = 0;
    int32_t leader_epoch =
        -1;                   // the asked one, or the last before it that has records; -1: unknown
    int64_t end_offset = -1;  // the next epoch's first offset, or the log's end

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::error_code);
      fields(&Partition::index);
      fields(&Partition::leader_epoch, since(1));
      fields(&Partition::end_offset);
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
    fields(&OffsetForLeaderEpochResponse::throttle_time_ms, since(2));
    fields(&OffsetForLeaderEpochResponse::topics);
  }
  bool operator==(const OffsetForLeaderEpochResponse&) const = default;
};

}  // namespace penstock::kafka
