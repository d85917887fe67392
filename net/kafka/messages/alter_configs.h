// AlterConfigs: a configuration as a whole: what is not named has its default again.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kAlterConfigsApi{
    .key = ApiKey::alter_configs, .advertised = {0, 2}, .served = {0, 2}, .flexible_since = 2};

struct AlterConfigsRequest {
  static constexpr const Api& kApi = kAlterConfigsApi;

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;  // null: its default

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Config::name);
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
    fields(&AlterConfigsRequest::resources);
    fields(&AlterConfigsRequest::validate_only);
  }
  bool operator==(const AlterConfigsRequest&) const = default;
};

struct AlterConfigsResponse {
  static constexpr const Api& kApi = kAlterConfigsApi;

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
    fields(&AlterConfigsResponse::throttle_time_ms);
    fields(&AlterConfigsResponse::responses);
  }
  bool operator==(const AlterConfigsResponse&) const = default;
};

}  // namespace penstock::kafka
