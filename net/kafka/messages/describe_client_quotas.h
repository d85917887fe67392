// DescribeClientQuotas: which limits there are for which clients.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kDescribeClientQuotasApi{.key = ApiKey::describe_client_quotas,
                                              .advertised = {0, 1},
                                              .served = {0, 1},
                                              .flexible_since = 1};

struct DescribeClientQuotasRequest {
  static constexpr const Api& kApi = kDescribeClientQuotasApi;

  struct Component {
    std::string_view entity_type;
    int8_t match_type = 0;  // 0: this name, 1: the default, 2: any
    std::optional<std::string_view> match;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Component::entity_type);
      fields(&Component::match_type);
      fields(&Component::match, always().nullable());
    }
    bool operator==(const Component&) const = default;
  };

  std::vector<Component> components;
  bool strict = false;  // without entities that have other parts too

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeClientQuotasRequest::components);
    fields(&DescribeClientQuotasRequest::strict);
  }
  bool operator==(const DescribeClientQuotasRequest&) const = default;
};

// A part of whom a quota is for; without a name: all who have none of their own.
struct QuotaEntityPart {
  std::string_view entity_type;
  std::optional<std::string_view> entity_name;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&QuotaEntityPart::entity_type);
    fields(&QuotaEntityPart::entity_name, always().nullable());
  }
  bool operator==(const QuotaEntityPart&) const = default;
};

struct DescribeClientQuotasResponse {
  static constexpr const Api& kApi = kDescribeClientQuotasApi;

  struct Value {
    std::string_view key;
    double value = 0;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Value::key);
      fields(&Value::value);
    }
    bool operator==(const Value&) const = default;
  };

  struct Entry {
    std::vector<QuotaEntityPart> entity;
    std::vector<Value> values;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Entry::entity);
      fields(&Entry::values);
    }
    bool operator==(const Entry&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  std::optional<std::string_view> error_message;
  std::optional<std::vector<Entry>> entries;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&DescribeClientQuotasResponse::throttle_time_ms);
    fields(&DescribeClientQuotasResponse::error_code);
    fields(&DescribeClientQuotasResponse::error_message, always().nullable());
    fields(&DescribeClientQuotasResponse::entries, always().nullable());
  }
  bool operator==(const DescribeClientQuotasResponse&) const = default;
};

}  // namespace penstock::kafka
