// SyncGroup: the leader hands out assignments, and every member gets its own.
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

inline constexpr Api kSyncGroupApi{
    .key = ApiKey::sync_group, .advertised = {0, 5}, .served = {0, 5}, .flexible_since = 4};

struct SyncGroupRequest {
  static constexpr const Api& kApi = kSyncGroupApi;

  struct Assignment {
    std::string_view member_id;
    Records assignment;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Assignment::member_id);
      fields(&Assignment::assignment);
    }
    bool operator==(const Assignment&) const = default;
  };

  std::string_view group_id;
  int32_t generation_id = 0;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  std::vector<Assignment> assignments;  // from the leader only

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&SyncGroupRequest::group_id);
    fields(&SyncGroupRequest::generation_id);
    fields(&SyncGroupRequest::member_id);
    fields(&SyncGroupRequest::group_instance_id, since(3).nullable());
    fields(&SyncGroupRequest::protocol_type, since(5).nullable());
    fields(&SyncGroupRequest::protocol_name, since(5).nullable());
    fields(&SyncGroupRequest::assignments);
  }
  bool operator==(const SyncGroupRequest&) const = default;
};

struct SyncGroupResponse {
  static constexpr const Api& kApi = kSyncGroupApi;

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  Records assignment;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&SyncGroupResponse::throttle_time_ms, since(1));
    fields(&SyncGroupResponse::error_code);
    fields(&SyncGroupResponse::protocol_type, since(5).nullable());
    fields(&SyncGroupResponse::protocol_name, since(5).nullable());
    fields(&SyncGroupResponse::assignment);
  }
  bool operator==(const SyncGroupResponse&) const = default;
};

}  // namespace penstock::kafka
