// CreateTopics: make topics, or only say whether they could be made.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kCreateTopicsApi{
    .key = ApiKey::create_topics, .advertised = {0, 7}, .served = {0, 7}, .flexible_since = 5};

struct CreateTopicsRequest {
  static constexpr const Api& kApi = kCreateTopicsApi;

  struct Assignment {
    int32_t partition_index = 0;
    std::vector<int32_t> broker_ids;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Assignment::partition_index);
      fields(&Assignment::broker_ids);
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Config::name);
      fields(&Config::value, always().nullable());
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string_view name;
    int32_t partition_count =
        -1;  // -1: the broker's default (since version 4), or given by assignments
    int16_t replication_factor = -1;  // likewise
    std::vector<Assignment> assignments;
    std::vector<Config> configs;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::partition_count);
      fields(&Topic::replication_factor);
      fields(&Topic::assignments);
      fields(&Topic::configs);
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 60000;
  bool validate_only = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&CreateTopicsRequest::topics);
    fields(&CreateTopicsRequest::timeout_ms);
    fields(&CreateTopicsRequest::validate_only, since(1));
  }
  bool operator==(const CreateTopicsRequest&) const = default;
};

struct CreateTopicsResponse {
  static constexpr const Api& kApi = kCreateTopicsApi;

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;
    bool read_only = false;
    int8_t config_source = -1;
    bool is_sensitive = false;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Config::name, since(5));
      fields(&Config::value, since(5).nullable());
      fields(&Config::read_only, since(5));
      fields(&Config::config_source, since(5));
      fields(&Config::is_sensitive, since(5));
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string_view name;
    Uuid topic_id;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    KafkaError topic_config_error_code = KafkaError::none;  // why `configs` is null
    int32_t partition_count = -1;
    int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name);
      fields(&Topic::topic_id, since(7));
      fields(&Topic::error_code);
      fields(&Topic::error_message, since(1).nullable());
      fields(&Topic::topic_config_error_code, since(5).with_tag(0));
      fields(&Topic::partition_count, since(5));
      fields(&Topic::replication_factor, since(5));
      fields(&Topic::configs, since(5).nullable());
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&CreateTopicsResponse::throttle_time_ms, since(2));
    fields(&CreateTopicsResponse::topics);
  }
  bool operator==(const CreateTopicsResponse&) const = default;
};

}  // namespace penstock::kafka
