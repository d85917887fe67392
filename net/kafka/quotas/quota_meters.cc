#include "net/kafka/quotas/quota_meters.h"

namespace penstock::kafka {

Task<uint64_t> QuotaMeters::count(Scheduler& scheduler, ChosenQuota quota, uint64_t now_ns,
                                  uint64_t bytes) {
  const uint32_t reactor = reactor_of(quota);
  co_return co_await call_on(scheduler, reactor, [this, reactor, quota, now_ns, bytes] {
    return count_here(reactor, quota, now_ns, static_cast<double>(bytes));
  });
}

Task<uint64_t> QuotaMeters::count_if_allowed(Scheduler& scheduler, ChosenQuota quota,
                                             uint64_t now_ns, uint64_t bytes) {
  const uint32_t reactor = reactor_of(quota);
  co_return co_await call_on(scheduler, reactor, [this, reactor, quota, now_ns, bytes] {
    return count_if_allowed_here(reactor, quota, now_ns, static_cast<double>(bytes));
  });
}

Task<uint64_t> QuotaMeters::count_here(uint32_t reactor, ChosenQuota quota, uint64_t now_ns,
                                       double bytes) {
  RateWindow& window = window_of(parts_[reactor], quota.counted_as);
  const uint64_t wait_ns = window.wait_ns(now_ns, bytes, quota.bytes_per_s);
  window.add(now_ns, bytes);
  co_return wait_ns;
}

Task<uint64_t> QuotaMeters::count_if_allowed_here(uint32_t reactor, ChosenQuota quota,
                                                  uint64_t now_ns, double bytes) {
  RateWindow& window = window_of(parts_[reactor], quota.counted_as);
  const uint64_t wait_ns = window.wait_ns(now_ns, bytes, quota.bytes_per_s);
  if (wait_ns > 0 && window.bytes(now_ns) > 0) co_return wait_ns;
  window.add(now_ns, bytes);
  co_return 0;
}

RateWindow& QuotaMeters::window_of(Part& part, uint64_t counted_as) {
  const auto found = part.clients.find(counted_as);
  if (found != part.clients.end()) {
    part.by_use.splice(part.by_use.end(), part.by_use, found->second.place);
    return found->second.window;
  }
  if (part.clients.size() >= kClientsMax) {
    part.clients.erase(part.by_use.front());
    part.by_use.pop_front();
  }
  const auto place = part.by_use.insert(part.by_use.end(), counted_as);
  return part.clients.emplace(counted_as, Client{RateWindow(settings_), place})
      .first->second.window;
}

}  // namespace penstock::kafka
