// FindCoordinator: which broker coordinates a consumer group, or a transactional id.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

inline constexpr Api kFindCoordinatorApi{
    .key = ApiKey::find_coordinator, .advertised = {0, 4}, .served = {0, 4}, .flexible_since = 3};

struct FindCoordinatorRequest {
  static constexpr const Api& kApi = kFindCoordinatorApi;

  enum class KeyType : int8_t { group = 0, transaction = 1 };

  std::string_view key;  // up to version 3; `keys` after it
  KeyType key_type = KeyType::group;
  std::vector<std::string_view> keys;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&FindCoordinatorRequest::key, between(0, 3));
    fields(&FindCoordinatorRequest::key_type, since(1));
    fields(&FindCoordinatorRequest::keys, since(4));
  }
  bool operator==(const FindCoordinatorRequest&) const = default;
};

struct FindCoordinatorResponse {
  static constexpr const Api& kApi = kFindCoordinatorApi;

  struct Coordinator {
    std::string_view key;
    int32_t node_id = -1;
    std::string_view host;
    int32_t port = -1;
    KafkaError error_code = KafkaError::none;
    std::optional<std::string_view> error_message;

    template <class Fields>
    static constexpr void describe(Fields& fields) {
      fields(&Coordinator::key, since(4));
      fields(&Coordinator::node_id, since(4));
      fields(&Coordinator::host, since(4));
      fields(&Coordinator::port, since(4));
      fields(&Coordinator::error_code, since(4));
      fields(&Coordinator::error_message, since(4).nullable());
    }
    bool operator==(const Coordinator&) const = default;
  };

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;  // this and the four below up to version 3
  std::optional<std::string_view> error_message;
  int32_t node_id = -1;
  std::string_view host;
  int32_t port = -1;
  std::vector<Coordinator> coordinators;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&FindCoordinatorResponse::throttle_time_ms, since(1));
    fields(&FindCoordinatorResponse::error_code, between(0, 3));
    fields(&FindCoordinatorResponse::error_message, between(1, 3).nullable());
    fields(&FindCoordinatorResponse::node_id, between(0, 3));
    fields(&FindCoordinatorResponse::host, between(0, 3));
    fields(&FindCoordinatorResponse::port, between(0, 3));
    fields(&FindCoordinatorResponse::coordinators, since(4));
  }
  bool operator==(const FindCoordinatorResponse&) const = default;
};

}  // namespace penstock::kafka
