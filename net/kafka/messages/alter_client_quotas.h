// AlterClientQuotas: sets and removes limits for clients.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/messages/describe_client_quotas.h"

namespace penstock::kafka {

inline constexpr Api kAlterClientQuotasApi{.key = ApiKey::alter_client_quotas,
                                           .advertised = {0, 1},
                                           .served = {0, 1},
                                           .flexible_since = 1};

struct AlterClientQuotasRequest {
  static constexpr const Api& kApi = kAlterClientQuotasApi;

  struct Operation {
    std::string_view key;
    double value = 0;
    bool remove = false;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Operation::key);
      fields(&Operation::value);
      fields(&Operation::remove);
    }
    bool operator==(const Operation&) const = default;
  };

  struct Entry {
    std::vector<QuotaEntityPart> entity;
    std::vector<Operation> operations;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Entry::entity);
      fields(&Entry::operations);
    }
    bool operator==(const Entry&) const = default;
  };

  std::vector<Entry> entries;
  bool validate_only = false;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&AlterClientQuotasRequest::entries);
    fields(&AlterClientQuotasRequest::validate_only);
  }
  bool operator==(const AlterClientQuotasRequest&) const = default;
};

struct AlterClientQuotasResponse {
  static constexpr const Api& kApi = kAlterClientQuotasApi;

  struct Entry {
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;
    std::vector<QuotaEntityPart> entity;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Entry::error_code);
      fields(&Entry::error_message, always().nullable());
      fields(&Entry::entity);
    }
    bool operator==(const Entry&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Entry> entries;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&AlterClientQuotasResponse::throttle_time_ms);
    fields(&AlterClientQuotasResponse::entries);
  }
  bool operator==(const AlterClientQuotasResponse&) const = default;
};

}  // namespace penstock::kafka
