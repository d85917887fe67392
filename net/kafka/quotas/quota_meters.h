// What clients have sent and fetched, where there are quotas for them, and how long they have to wait.
//
// A client's bytes are counted on one reactor, chosen by whose they are, however many of its connections are on others:
// they ask by a message. So a quota holds for the node as a whole, and who has none costs nothing. Made by main() before
// the reactors start; each part is touched on its own reactor. Times are monotonic.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "io/scheduler.h"
#include "net/kafka/quotas/quota_choice.h"
#include "net/kafka/quotas/rate_window.h"

namespace penstock::kafka {

class QuotaMeters {
 public:
  // Per reactor; beyond, who has been quiet longest is forgotten.
  static constexpr size_t kClientsMax = 10'000;

  QuotaMeters(const QuotaSettings& settings, uint32_t reactor_count)
      : settings_(settings), parts_(reactor_count) {}
  QuotaMeters(const QuotaMeters&) = delete;

  const QuotaSettings& settings() const { return settings_; }

  // Both from any reactor, by its scheduler. Value: for how long the client has to wait, in ns.
  // For bytes that have come.
  Task<uint64_t> count(Scheduler& scheduler, ChosenQuota quota, uint64_t now_ns, uint64_t bytes);
  // For bytes that are sent only if it does not have to wait; else they are not counted. Who has had nothing in the
  // window may have what it asks for, however large: else it would never get it.
  Task<uint64_t> count_if_allowed(Scheduler& scheduler, ChosenQuota quota, uint64_t now_ns,
                                  uint64_t bytes);

 private:
  struct Client {
    RateWindow window;
    std::list<uint64_t>::iterator place;
  };
  struct Part {
    std::unordered_map<uint64_t, Client> clients;
    std::list<uint64_t> by_use;  // who was quiet longest first
  };
  uint32_t reactor_of(const ChosenQuota& quota) const {
    return static_cast<uint32_t>(quota.counted_as % parts_.size());
  }
  Task<uint64_t> count_here(uint32_t reactor, ChosenQuota quota, uint64_t now_ns, double bytes);
  Task<uint64_t> count_if_allowed_here(uint32_t reactor, ChosenQuota quota, uint64_t now_ns,
                                       double bytes);
  RateWindow& window_of(Part& part, uint64_t counted_as);

  const QuotaSettings settings_;
  std::vector<Part> parts_;
};

}  // namespace penstock::kafka
