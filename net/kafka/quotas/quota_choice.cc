#include "net/kafka/quotas/quota_choice.h"

#include <functional>
#include <string>

namespace penstock::kafka {
namespace {

double limit_of(const QuotaLimits& limits, QuotaKind kind) {
  return kind == QuotaKind::produce ? limits.producer_byte_rate : limits.consumer_byte_rate;
}

uint64_t hash_of(QuotaKind kind, const std::optional<std::string>& user,
                 const std::optional<std::string>& client_id) {
  const std::hash<std::string> hash;
  uint64_t value = static_cast<uint64_t>(kind) + 1;
  for (const std::optional<std::string>* part : {&user, &client_id}) {
    value = value * 0x9E3779B97F4A7C15ull + (*part ? hash(**part) * 2 + 1 : 0);
  }
  return value;
}

}  // namespace

std::optional<ChosenQuota> choose_quota(const ClientQuotas& quotas, QuotaKind kind,
                                        std::string_view user, std::string_view client_id) {
  using Name = std::optional<std::string>;
  const Name own_user(user);
  const Name own_client(client_id);
  const Name others("");
  const QuotaEntity order[] = {{own_user, own_client}, {own_user, others}, {own_user, {}},
                               {others, own_client},   {others, others},   {others, {}},
                               {{}, own_client},       {{}, others}};
  for (const QuotaEntity& entity : order) {
    const auto found = quotas.find(entity);
    if (found == quotas.end()) continue;
    const double limit = limit_of(found->second, kind);
    if (limit <= 0) continue;
    const Name counted_user = entity.user ? own_user : Name();
    const Name counted_client = entity.client_id ? own_client : Name();
    return ChosenQuota{limit, hash_of(kind, counted_user, counted_client)};
  }
  return std::nullopt;
}

}  // namespace penstock::kafka
