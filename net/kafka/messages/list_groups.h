// ListGroups: all groups this node coordinates.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kListGroupsApi{
    .key = ApiKey::list_groups, .advertised = {0, 5}, .served = {0, 5}, .flexible_since = 3};

struct ListGroupsRequest {
  static constexpr const Api& kApi = kListGroupsApi;
  // librdkafka 2.0 leaves bytes behind its empty filter, from version 4 on.
  static constexpr bool kMayBeFollowed = true;

  std::vector<std::string_view> states_filter;  // empty: all
  std::vector<std::string_view> types_filter;   // empty: all

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ListGroupsRequest::states_filter, since(4));
    fields(&ListGroupsRequest::types_filter, since(5));
  }
  bool operator==(const ListGroupsRequest&) const = default;
};

struct ListGroupsResponse {
  static constexpr const Api& kApi = kListGroupsApi;

  struct Group {
    std::string_view group_id;
    std::string_view protocol_type;
    std::string_view state;
    std::string_view type;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Group::group_id);
      fields(&Group::protocol_type);
      fields(&Group::state, since(4));
      fields(&Group::type, since(5));
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::vector<Group> groups;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ListGroupsResponse::throttle_time_ms, since(1));
    fields(&ListGroupsResponse::error_code);
    fields(&ListGroupsResponse::groups);
  }
  bool operator==(const ListGroupsResponse&) const = default;
};

}  // namespace penstock::kafka
