// DeleteRecords: moves the beginning of logs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDeleteRecordsApi{
    .key = ApiKey::delete_records, .advertised = {0, 2}, .served = {0, 2}, .flexible_since = 2};

struct DeleteRecordsRequest {
  static constexpr const Api& kApi = kDeleteRecordsApi;

  struct Partition {
    int32_t partition_index = 0;
    int64_t offset = 0;  // the first that stays; -1: the high watermark

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::offset);
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
  int32_t timeout_ms = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DeleteRecordsRequest::topics);
    fields(&DeleteRecordsRequest::timeout_ms);
  }
  bool operator==(const DeleteRecordsRequest&) const = default;
};

struct DeleteRecordsResponse {
  static constexpr const Api& kApi = kDeleteRecordsApi;

  struct Partition {
    int32_t partition_index = 0;
    int64_t low_watermark = -1;
    KafkaError error_code = KafkaError::none;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::low_watermark);
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
    fields(&DeleteRecordsResponse::throttle_time_ms);
    fields(&DeleteRecordsResponse::topics);
  }
  bool operator==(const DeleteRecordsResponse&) const = default;
};

}  // namespace penstock::kafka
