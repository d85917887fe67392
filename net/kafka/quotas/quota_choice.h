// Which quota counts for a client: the most special one, in Kafka's order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/client_quota.h"

namespace penstock::kafka {

enum class QuotaKind : uint8_t { produce, fetch };
inline constexpr size_t kQuotaKinds = 2;

struct ChosenQuota {
  double bytes_per_s = 0;
  // Whose bytes are counted together: a quota for a user counts all of that user's clients, others each client id.
  uint64_t counted_as = 0;
};

// Nothing: no quota of this kind is for the client.
std::optional<ChosenQuota> choose_quota(const ClientQuotas& quotas, QuotaKind kind,
                                        std::string_view user, std::string_view client_id);

}  // namespace penstock::kafka
