// OffsetDelete: a group forgets its place in some partitions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kOffsetDeleteApi{.key = ApiKey::offset_delete,
                                      .advertised = {0, 0},
                                      .served = {0, 0},
                                      .flexible_since = Api::kNeverFlexible};

struct OffsetDeleteRequest {
  static constexpr const Api& kApi = kOffsetDeleteApi;

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

  std::string_view group_id;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetDeleteRequest::group_id);
    fields(&OffsetDeleteRequest::topics);
  }
  bool operator==(const OffsetDeleteRequest&) const = default;
};

struct OffsetDeleteResponse {
  static constexpr const Api& kApi = kOffsetDeleteApi;

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

  KafkaError error_code = KafkaError::none;
  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&OffsetDeleteResponse::error_code);
    fields(&OffsetDeleteResponse::throttle_time_ms);
    fields(&OffsetDeleteResponse::topics);
  }
  bool operator==(const OffsetDeleteResponse&) const = default;
};

}  // namespace penstock::kafka
