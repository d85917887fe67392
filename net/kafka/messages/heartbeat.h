// Heartbeat: a member of a group is alive, and hears whether there is a rebalance.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kHeartbeatApi{
    .key = ApiKey::heartbeat, .advertised = {0, 4}, .served = {0, 4}, .flexible_since = 4};

struct HeartbeatRequest {
  static constexpr const Api& kApi = kHeartbeatApi;

  std::string_view group_id;
  int32_t generation_id = 0;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&HeartbeatRequest::group_id);
    fields(&HeartbeatRequest::generation_id);
    fields(&HeartbeatRequest::member_id);
    fields(&HeartbeatRequest::group_instance_id, since(3).nullable());
  }
  bool operator==(const HeartbeatRequest&) const = default;
};

struct HeartbeatResponse {
  static constexpr const Api& kApi = kHeartbeatApi;

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&HeartbeatResponse::throttle_time_ms, since(1));
    fields(&HeartbeatResponse::error_code);
  }
  bool operator==(const HeartbeatResponse&) const = default;
};

}  // namespace penstock::kafka
