// ApiVersions: which requests this broker takes, in which versions. A client's first request.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kApiVersionsApi{
    .key = ApiKey::api_versions, .advertised = {0, 4}, .served = {0, 4}, .flexible_since = 3};

struct ApiVersionsRequest {
  static constexpr const Api& kApi = kApiVersionsApi;

  std::string_view client_software_name;
  std::string_view client_software_version;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ApiVersionsRequest::client_software_name, since(3));
    fields(&ApiVersionsRequest::client_software_version, since(3));
  }
  bool operator==(const ApiVersionsRequest&) const = default;
};

// Its header is always version 0. A request of a version to come is answered in version 0 too, with
// UNSUPPORTED_VERSION and the table (Admission::answer_unsupported).
struct ApiVersionsResponse {
  static constexpr const Api& kApi = kApiVersionsApi;

  struct ApiVersion {
    ApiKey api_key{};
    int16_t version_min = 0;
    int16_t version_max = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&ApiVersion::api_key);
      fields(&ApiVersion::version_min);
      fields(&ApiVersion::version_max);
    }
    bool operator==(const ApiVersion&) const = default;
  };

  struct SupportedFeature {
    std::string_view name;
    int16_t version_min = 0;
    int16_t version_max = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&SupportedFeature::name, since(3));
      fields(&SupportedFeature::version_min, since(3));
      fields(&SupportedFeature::version_max, since(3));
    }
    bool operator==(const SupportedFeature&) const = default;
  };

  struct FinalizedFeature {
    std::string_view name;
    int16_t version_level_max = 0;
    int16_t version_level_min = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&FinalizedFeature::name, since(3));
      fields(&FinalizedFeature::version_level_max, since(3));
      fields(&FinalizedFeature::version_level_min, since(3));
    }
    bool operator==(const FinalizedFeature&) const = default;
  };

  KafkaError error_code = KafkaError::none;
  std::vector<ApiVersion> api_keys;
  int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;
  int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features;
  bool zk_migration_ready = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ApiVersionsResponse::error_code);
    fields(&ApiVersionsResponse::api_keys);
    fields(&ApiVersionsResponse::throttle_time_ms, since(1));
    fields(&ApiVersionsResponse::supported_features, since(3).with_tag(0));
    fields(&ApiVersionsResponse::finalized_features_epoch, since(3).with_tag(1));
    fields(&ApiVersionsResponse::finalized_features, since(3).with_tag(2));
    fields(&ApiVersionsResponse::zk_migration_ready, since(3).with_tag(3));
  }
  bool operator==(const ApiVersionsResponse&) const = default;
};

}  // namespace penstock::kafka
