// DescribeGroups: the state and the members of groups.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kDescribeGroupsApi{
    .key = ApiKey::describe_groups, .advertised = {0, 6}, .served = {0, 6}, .flexible_since = 5};

struct DescribeGroupsRequest {
  static constexpr const Api& kApi = kDescribeGroupsApi;

  std::vector<std::string_view> groups;
  bool include_authorized_operations = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeGroupsRequest::groups);
    fields(&DescribeGroupsRequest::include_authorized_operations, since(3));
  }
  bool operator==(const DescribeGroupsRequest&) const = default;
};

struct DescribeGroupsResponse {
  static constexpr const Api& kApi = kDescribeGroupsApi;

  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    std::string_view client_id;
    std::string_view client_host;
    Records metadata;
    Records assignment;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Member::member_id);
      fields(&Member::group_instance_id, since(4).nullable());
      fields(&Member::client_id);
      fields(&Member::client_host);
      fields(&Member::metadata);
      fields(&Member::assignment);
    }
    bool operator==(const Member&) const = default;
  };

  struct Group {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    std::string_view group_id;
    std::string_view state;
    std::string_view protocol_type;
    std::string_view protocol_name;
    std::vector<Member> members;
    int32_t authorized_operations =
        std::numeric_limits<int32_t>::min();  // the least: not asked for

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Group::error_code);
      fields(&Group::error_message, since(6).nullable());
      fields(&Group::group_id);
      fields(&Group::state);
      fields(&Group::protocol_type);
      fields(&Group::protocol_name);
      fields(&Group::members);
      fields(&Group::authorized_operations, since(3));
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeGroupsResponse::throttle_time_ms, since(1));
    fields(&DescribeGroupsResponse::groups);
  }
  bool operator==(const DescribeGroupsResponse&) const = default;
};

}  // namespace penstock::kafka
