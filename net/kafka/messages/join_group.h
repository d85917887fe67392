// JoinGroup: a consumer becomes a member of its group's next generation.
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

inline constexpr Api kJoinGroupApi{
    .key = ApiKey::join_group, .advertised = {0, 9}, .served = {0, 9}, .flexible_since = 6};

struct JoinGroupRequest {
  static constexpr const Api& kApi = kJoinGroupApi;

  struct Protocol {
    std::string_view name;
    Records metadata;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Protocol::name);
      fields(&Protocol::metadata);
    }
    bool operator==(const Protocol&) const = default;
  };

  std::string_view group_id;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = -1;                  // -1: as the session's
  std::string_view member_id;                         // empty: a new one
  std::optional<std::string_view> group_instance_id;  // of a static member
  std::string_view protocol_type;
  std::vector<Protocol> protocols;  // those it prefers first
  std::optional<std::string_view> reason;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&JoinGroupRequest::group_id);
    fields(&JoinGroupRequest::session_timeout_ms);
    fields(&JoinGroupRequest::rebalance_timeout_ms, since(1));
    fields(&JoinGroupRequest::member_id);
    fields(&JoinGroupRequest::group_instance_id, since(5).nullable());
    fields(&JoinGroupRequest::protocol_type);
    fields(&JoinGroupRequest::protocols);
    fields(&JoinGroupRequest::reason, since(8).nullable());
  }
  bool operator==(const JoinGroupRequest&) const = default;
};

struct JoinGroupResponse {
  static constexpr const Api& kApi = kJoinGroupApi;

  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    Records metadata;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Member::member_id);
      fields(&Member::group_instance_id, since(5).nullable());
      fields(&Member::metadata);
    }
    bool operator==(const Member&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  int32_t generation_id = -1;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  std::string_view leader;
  bool skip_assignment = false;
  std::string_view member_id;
  std::vector<Member> members;  // for the leader only

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&JoinGroupResponse::throttle_time_ms, since(2));
    fields(&JoinGroupResponse::error_code);
    fields(&JoinGroupResponse::generation_id);
    fields(&JoinGroupResponse::protocol_type, since(7).nullable());
    fields(&JoinGroupResponse::protocol_name, always().nullable_since(7));
    fields(&JoinGroupResponse::leader);
    fields(&JoinGroupResponse::skip_assignment, since(9));
    fields(&JoinGroupResponse::member_id);
    fields(&JoinGroupResponse::members);
  }
  bool operator==(const JoinGroupResponse&) const = default;
};

}  // namespace penstock::kafka
