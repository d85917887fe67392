// How much clients may send and fetch: limits by user and client id, as the catalog keeps them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// Whom a quota is for. A part that is absent does not matter; an empty one stands for all names without a quota of their
// own, each of which has the limit for itself.
struct QuotaEntity {
  std::optional<std::string> user;
  std::optional<std::string> client_id;
  friend auto operator<=>(const QuotaEntity&, const QuotaEntity&) = default;
};

// In bytes per second; 0: no limit.
struct QuotaLimits {
  double producer_byte_rate = 0;
  double consumer_byte_rate = 0;
  bool empty() const { return producer_byte_rate == 0 && consumer_byte_rate == 0; }
  friend bool operator==(const QuotaLimits&, const QuotaLimits&) = default;
};

using ClientQuotas = std::map<QuotaEntity, QuotaLimits>;
inline constexpr size_t kQuotasMax = 10'000;

// What is to become of an entity's limits; absent: as before, 0: none any more.
struct QuotaChange {
  QuotaEntity entity;
  std::optional<double> producer_byte_rate;
  std::optional<double> consumer_byte_rate;

  QuotaLimits apply_to(QuotaLimits limits) const {
    if (producer_byte_rate) limits.producer_byte_rate = *producer_byte_rate;
    if (consumer_byte_rate) limits.consumer_byte_rate = *consumer_byte_rate;
    return limits;
  }
};

}  // namespace penstock
