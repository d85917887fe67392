// DeleteTopics: delete topics and all that is in them.
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

inline constexpr Api kDeleteTopicsApi{
    .key = ApiKey::delete_topics, .advertised = {0, 6}, .served = {0, 6}, .flexible_since = 4};

struct DeleteTopicsRequest {
  static constexpr const Api& kApi = kDeleteTopicsApi;

  struct Topic {
    std::optional<std::string_view> name;  // null: by id
    Uuid topic_id;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name, since(6).nullable());
      fields(&Topic::topic_id, since(6));
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;  // since version 6; `topic_names` before it
  std::vector<std::string_view> topic_names;
  int32_t timeout_ms = 60000;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DeleteTopicsRequest::topics, since(6));
    fields(&DeleteTopicsRequest::topic_names, between(0, 5));
    fields(&DeleteTopicsRequest::timeout_ms);
  }
  bool operator==(const DeleteTopicsRequest&) const = default;
};

struct DeleteTopicsResponse {
  static constexpr const Api& kApi = kDeleteTopicsApi;

  struct Topic {
    std::optional<std::string_view> name;  // null, since version 6: an id that no topic has
    Uuid topic_id;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Topic::name, always().nullable_since(6));
      fields(&Topic::topic_id, since(6));
      fields(&Topic::error_code);
      fields(&Topic::error_message, since(5).nullable());
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DeleteTopicsResponse::throttle_time_ms, since(1));
    fields(&DeleteTopicsResponse::topics);
  }
  bool operator==(const DeleteTopicsResponse&) const = default;
};

}  // namespace penstock::kafka
