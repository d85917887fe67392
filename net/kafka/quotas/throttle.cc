#include "net/kafka/quotas/throttle.h"

#include <algorithm>
#include <limits>

#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr std::string_view kAnonymousUser = "ANONYMOUS";  // whoever comes without a name

std::optional<ChosenQuota> quota_of(const Request& request, QuotaKind kind) {
  const ClientQuotas& quotas = request.server.engine().catalog().quotas();
  if (quotas.empty()) return std::nullopt;
  const std::string_view client_id = request.header.client_id.value_or(std::string_view());
  return choose_quota(quotas, kind, kAnonymousUser, client_id);
}

void note(Request& request, QuotaKind kind, uint64_t wait_ns) {
  if (wait_ns > 0) request.server.figures().count_throttled(kind, wait_ns);
}

}  // namespace

Task<uint64_t> throttle_produce(Request& request) {
  const std::optional<ChosenQuota> quota = quota_of(request, QuotaKind::produce);
  if (!quota) co_return 0;
  Doors& doors = request.server.engine().doors();
  const uint64_t wait_ns = co_await request.server.quota_meters().count(
      doors.scheduler, *quota, doors.clock.monotonic_ns(), request.frame.size());
  note(request, QuotaKind::produce, wait_ns);
  co_return wait_ns;
}

Task<uint64_t> throttle_fetch(Request& request, uint64_t bytes) {
  const std::optional<ChosenQuota> quota = quota_of(request, QuotaKind::fetch);
  if (!quota || bytes == 0) co_return 0;
  Doors& doors = request.server.engine().doors();
  const uint64_t wait_ns = co_await request.server.quota_meters().count_if_allowed(
      doors.scheduler, *quota, doors.clock.monotonic_ns(), bytes);
  note(request, QuotaKind::fetch, wait_ns);
  co_return wait_ns;
}

uint64_t quota_bytes_max(const Request& request) {
  constexpr double kMost = 1e18;
  const std::optional<ChosenQuota> quota = quota_of(request, QuotaKind::fetch);
  if (!quota) return std::numeric_limits<uint64_t>::max();
  const double window_s = request.server.quota_meters().settings().window_seconds();
  return static_cast<uint64_t>(std::min(quota->bytes_per_s * window_s, kMost));
}

int32_t throttle_ms_of(uint64_t muted_ns) {
  constexpr uint64_t kMillisecond = 1'000'000;
  const uint64_t rounded_up = (muted_ns + kMillisecond - 1) / kMillisecond;
  return static_cast<int32_t>(std::min<uint64_t>(rounded_up, std::numeric_limits<int32_t>::max()));
}

}  // namespace penstock::kafka
