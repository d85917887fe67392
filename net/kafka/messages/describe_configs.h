// DescribeConfigs: the configuration of topics and brokers, and where each value comes from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDescribeConfigsApi{
    .key = ApiKey::describe_configs, .advertised = {0, 4}, .served = {0, 4}, .flexible_since = 4};

struct DescribeConfigsRequest {
  static constexpr const Api& kApi = kDescribeConfigsApi;

  struct Resource {
    int8_t resource_type = 0;
    std::string_view resource_name;
    std::optional<std::vector<std::string_view>> configuration_keys;  // null: all

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Resource::resource_type);
      fields(&Resource::resource_name);
      fields(&Resource::configuration_keys, always().nullable());
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeConfigsRequest::resources);
    fields(&DescribeConfigsRequest::include_synonyms, since(1));
    fields(&DescribeConfigsRequest::include_documentation, since(3));
  }
  bool operator==(const DescribeConfigsRequest&) const = default;
};

struct DescribeConfigsResponse {
  static constexpr const Api& kApi = kDescribeConfigsApi;

  struct Synonym {
    std::string_view name;
    std::optional<std::string_view> value;
    int8_t source = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Synonym::name);
      fields(&Synonym::value, always().nullable());
      fields(&Synonym::source);
    }
    bool operator==(const Synonym&) const = default;
  };

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;
    bool read_only = false;
    bool is_default = false;
    int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;
    int8_t config_type = 0;
    std::optional<std::string_view> documentation;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Config::name);
      fields(&Config::value, always().nullable());
      fields(&Config::read_only);
      fields(&Config::is_default, between(0, 0));
      fields(&Config::config_source, since(1));
      fields(&Config::is_sensitive);
      fields(&Config::synonyms, since(1));
      fields(&Config::config_type, since(3));
      fields(&Config::documentation, since(3).nullable());
    }
    bool operator==(const Config&) const = default;
  };

  struct Result {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    int8_t resource_type = 0;
    std::string_view resource_name;
    std::vector<Config> configs;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Result::error_code);
      fields(&Result::error_message, always().nullable());
      fields(&Result::resource_type);
      fields(&Result::resource_name);
      fields(&Result::configs);
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeConfigsResponse::throttle_time_ms);
    fields(&DescribeConfigsResponse::results);
  }
  bool operator==(const DescribeConfigsResponse&) const = default;
};

}  // namespace penstock::kafka
