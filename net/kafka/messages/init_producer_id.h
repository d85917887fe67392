// InitProducerId: a producer that wants to know about duplicates gets its number, or a new epoch of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/kafka/api.h"
#include "net/kafka/fields.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

inline constexpr Api kInitProducerIdApi{
    .key = ApiKey::init_producer_id, .advertised = {0, 4}, .served = {0, 4}, .flexible_since = 2};

struct InitProducerIdRequest {
  static constexpr const Api& kApi = kInitProducerIdApi;

  std::optional<std::string_view> transactional_id;
  int32_t transaction_timeout_ms = 0;
  int64_t producer_id = -1;  // what it has now; -1: nothing
  int16_t producer_epoch = -1;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&InitProducerIdRequest::transactional_id, always().nullable());
    fields(&InitProducerIdRequest::transaction_timeout_ms);
    fields(&InitProducerIdRequest::producer_id, since(3));
    fields(&InitProducerIdRequest::producer_epoch, since(3));
  }
  bool operator==(const InitProducerIdRequest&) const = default;
};

struct InitProducerIdResponse {
  static constexpr const Api& kApi = kInitProducerIdApi;

  int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::none;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&InitProducerIdResponse::throttle_time_ms);
    fields(&InitProducerIdResponse::error_code);
    fields(&InitProducerIdResponse::producer_id);
    fields(&InitProducerIdResponse::producer_epoch);
  }
  bool operator==(const InitProducerIdResponse&) const = default;
};

}  // namespace penstock::kafka
