// CreatePartitions: more partitions of topics that are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kCreatePartitionsApi{
    .key = ApiKey::create_partitions, .advertised = {0, 3}, .served = {0, 3}, .flexible_since = 2};

struct CreatePartitionsRequest {
  static constexpr const Api& kApi = kCreatePartitionsApi;

  struct Assignment {
    std::vector<int32_t> broker_ids;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Assignment::broker_ids);
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Topic {
    std::string_view name;
    int32_t count = 0;                                   // that there are then
    std::optional<std::vector<Assignment>> assignments;  // the new ones'

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::count);
      fields(&Topic::assignments, always().nullable());
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;
  bool validate_only = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&CreatePartitionsRequest::topics);
    fields(&CreatePartitionsRequest::timeout_ms);
    fields(&CreatePartitionsRequest::validate_only);
  }
  bool operator==(const CreatePartitionsRequest&) const = default;
};

struct CreatePartitionsResponse {
  static constexpr const Api& kApi = kCreatePartitionsApi;

  struct Result {
    std::string_view name;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Result::name);
      fields(&Result::error_code);
      fields(&Result::error_message, always().nullable());
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&CreatePartitionsResponse::throttle_time_ms);
    fields(&CreatePartitionsResponse::results);
  }
  bool operator==(const CreatePartitionsResponse&) const = default;
};

}  // namespace penstock::kafka
