// DescribeCluster: the brokers there are.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDescribeClusterApi{
    .key = ApiKey::describe_cluster, .advertised = {0, 1}, .served = {0, 1}, .flexible_since = 0};

struct DescribeClusterRequest {
  static constexpr const Api& kApi = kDescribeClusterApi;

  bool include_cluster_authorized_operations = false;
  int8_t endpoint_type = 1;  // 1 brokers, 2 controllers

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeClusterRequest::include_cluster_authorized_operations);
    fields(&DescribeClusterRequest::endpoint_type, since(1));
  }
  bool operator==(const DescribeClusterRequest&) const = default;
};

struct DescribeClusterResponse {
  static constexpr const Api& kApi = kDescribeClusterApi;

  struct Broker {
    int32_t broker_id = 0;
    std::string_view host;
    int32_t port = 0;
    std::optional<std::string_view> rack;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Broker::broker_id);
      fields(&Broker::host);
      fields(&Broker::port);
      fields(&Broker::rack, always().nullable());
    }
    bool operator==(const Broker&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::optional<std::string_view> error_message;
  int8_t endpoint_type = 1;
  std::string_view cluster_id;
  int32_t controller_id = -1;
  std::vector<Broker> brokers;
  int32_t cluster_authorized_operations =
      std::numeric_limits<int32_t>::min();  // that: not asked for

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeClusterResponse::throttle_time_ms);
    fields(&DescribeClusterResponse::error_code);
    fields(&DescribeClusterResponse::error_message, always().nullable());
    fields(&DescribeClusterResponse::endpoint_type, since(1));
    fields(&DescribeClusterResponse::cluster_id);
    fields(&DescribeClusterResponse::controller_id);
    fields(&DescribeClusterResponse::brokers);
    fields(&DescribeClusterResponse::cluster_authorized_operations);
  }
  bool operator==(const DescribeClusterResponse&) const = default;
};

}  // namespace penstock::kafka
