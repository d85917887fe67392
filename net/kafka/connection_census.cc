#include "net/kafka/connection_census.h"

namespace penstock::kafka {

Task<ConnectionCensus::Entry> ConnectionCensus::enter(Scheduler& scheduler, const std::string& ip) {
  co_return co_await call_on(scheduler, 0, [this, &ip] { return enter_here(ip); });
}

Task<void> ConnectionCensus::leave(Scheduler& scheduler, const std::string& ip) {
  co_await call_on(scheduler, 0, [this, &ip] { return leave_here(ip); });
}

Task<ConnectionCensus::Entry> ConnectionCensus::enter_here(const std::string& ip) {
  const auto found = by_ip_.find(ip);
  const uint64_t from_there = found == by_ip_.end() ? 0 : found->second;
  if (from_there >= limits_.count_per_ip_max) co_return Entry::too_many_from_there;
  if (count_ >= limits_.count_max) co_return Entry::full;
  ++count_;
  ++by_ip_[ip];
  co_return Entry::admitted;
}

Task<void> ConnectionCensus::leave_here(const std::string& ip) {
  --count_;
  const auto found = by_ip_.find(ip);
  if (--found->second == 0) by_ip_.erase(found);
  co_return;
}

}  // namespace penstock::kafka
