// DescribeLogDirs: where partitions lie, and how large they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDescribeLogDirsApi{
    .key = ApiKey::describe_log_dirs, .advertised = {0, 4}, .served = {0, 4}, .flexible_since = 2};

struct DescribeLogDirsRequest {
  static constexpr const Api& kApi = kDescribeLogDirsApi;

  struct Topic {
    std::string_view topic;
    std::vector<int32_t> partitions;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::topic);
      fields(&Topic::partitions);
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::vector<Topic>> topics;  // null: all

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeLogDirsRequest::topics, always().nullable());
  }
  bool operator==(const DescribeLogDirsRequest&) const = default;
};

struct DescribeLogDirsResponse {
  static constexpr const Api& kApi = kDescribeLogDirsApi;

  struct Partition {
    int32_t partition_index = 0;
    int64_t partition_size = 0;  // bytes
    int64_t offset_lag = 0;
    bool is_future_key = false;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Partition::partition_index);
      fields(&Partition::partition_size);
      fields(&Partition::offset_lag);
      fields(&Partition::is_future_key);
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

  struct Result {
    KafkaError error_code = KafkaError::none;
    std::string_view log_dir;
    std::vector<Topic> topics;
    int64_t total_bytes = -1;
    int64_t usable_bytes = -1;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Result::error_code);
      fields(&Result::log_dir);
      fields(&Result::topics);
      fields(&Result::total_bytes, since(4));
      fields(&Result::usable_bytes, since(4));
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::vector<Result> results;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeLogDirsResponse::throttle_time_ms);
    fields(&DescribeLogDirsResponse::error_code, since(3));
    fields(&DescribeLogDirsResponse::results);
  }
  bool operator==(const DescribeLogDirsResponse&) const = default;
};

}  // namespace penstock::kafka
