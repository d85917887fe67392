// DeleteGroups: ends groups that have no members, and forgets their offsets.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDeleteGroupsApi{
    .key = ApiKey::delete_groups, .advertised = {0, 2}, .served = {0, 2}, .flexible_since = 2};

struct DeleteGroupsRequest {
  static constexpr const Api& kApi = kDeleteGroupsApi;

  std::vector<std::string_view> group_names;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DeleteGroupsRequest::group_names);
  }
  bool operator==(const DeleteGroupsRequest&) const = default;
};

struct DeleteGroupsResponse {
  static constexpr const Api& kApi = kDeleteGroupsApi;

  struct Group {
    std::string_view group_id;
    KafkaError error_code = KafkaError::none;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Group::group_id);
      fields(&Group::error_code);
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> results;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DeleteGroupsResponse::throttle_time_ms);
    fields(&DeleteGroupsResponse::results);
  }
  bool operator==(const DeleteGroupsResponse&) const = default;
};

}  // namespace penstock::kafka
