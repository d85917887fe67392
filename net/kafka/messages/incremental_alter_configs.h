// IncrementalAlterConfigs: single values of a configuration, or items of its lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kIncrementalAlterConfigsApi{.key = ApiKey::incremental_alter_configs,
                                                 .advertised = {0, 1},
                                                 .served = {0, 1},
                                                 .flexible_since = 1};

struct IncrementalAlterConfigsRequest {
  static constexpr const Api& kApi = kIncrementalAlterConfigsApi;

  struct Config {
    std::string_view name;
    int8_t operation = 0;  // 0 set, 1 delete, 2 append, 3 subtract
    std::optional<std::string_view> value;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Config::name);
      fields(&Config::operation);
      fields(&Config::value, always().nullable());
    }
    bool operator==(const Config&) const = default;
  };

  struct Resource {
    int8_t resource_type = 0;
    std::string_view resource_name;
    std::vector<Config> configs;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Resource::resource_type);
      fields(&Resource::resource_name);
      fields(&Resource::configs);
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources;
  bool validate_only = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&IncrementalAlterConfigsRequest::resources);
    fields(&IncrementalAlterConfigsRequest::validate_only);
  }
  bool operator==(const IncrementalAlterConfigsRequest&) const = default;
};

struct IncrementalAlterConfigsResponse {
  static constexpr const Api& kApi = kIncrementalAlterConfigsApi;

  struct Response {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    int8_t resource_type = 0;
    std::string_view resource_name;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Response::error_code);
      fields(&Response::error_message, always().nullable());
      fields(&Response::resource_type);
      fields(&Response::resource_name);
    }
    bool operator==(const Response&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Response> responses;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&IncrementalAlterConfigsResponse::throttle_time_ms);
    fields(&IncrementalAlterConfigsResponse::responses);
  }
  bool operator==(const IncrementalAlterConfigsResponse&) const = default;
};

}  // namespace penstock::kafka
