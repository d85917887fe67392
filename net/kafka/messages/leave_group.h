// LeaveGroup: members end their membership.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kLeaveGroupApi{
    .key = ApiKey::leave_group, .advertised = {0, 5}, .served = {0, 5}, .flexible_since = 4};

struct LeaveGroupRequest {
  static constexpr const Api& kApi = kLeaveGroupApi;

  struct Member {
    std::string_view member_id;  // empty: the one of the instance
    std::optional<std::string_view> group_instance_id;
    std::optional<std::string_view> reason;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Member::member_id, since(3));
      fields(&Member::group_instance_id, since(3).nullable());
      fields(&Member::reason, since(5).nullable());
    }
    bool operator==(const Member&) const = default;
  };

  std::string_view group_id;
  std::string_view member_id;
  std::vector<Member> members;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&LeaveGroupRequest::group_id);
    fields(&LeaveGroupRequest::member_id, between(0, 2));
    fields(&LeaveGroupRequest::members, since(3));
  }
  bool operator==(const LeaveGroupRequest&) const = default;
};

struct LeaveGroupResponse {
  static constexpr const Api& kApi = kLeaveGroupApi;

  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    KafkaError error_code = KafkaError::none;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Member::member_id, since(3));
      fields(&Member::group_instance_id, since(3).nullable());
      fields(&Member::error_code, since(3));
    }
    bool operator==(const Member&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::vector<Member> members;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&LeaveGroupResponse::throttle_time_ms, since(1));
    fields(&LeaveGroupResponse::error_code);
    fields(&LeaveGroupResponse::members, since(3));
  }
  bool operator==(const LeaveGroupResponse&) const = default;
};

}  // namespace penstock::kafka
