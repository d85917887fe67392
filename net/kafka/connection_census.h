// How many connections a node has, over all its reactors, and from where: for its limits.
//
// Made by main() before the reactors start; the counts are reactor 0's, and the others ask it by messages, but only where
// there is a limit.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "io/scheduler.h"

namespace penstock::kafka {

struct ConnectionLimits {
  static constexpr uint64_t kNone = std::numeric_limits<int32_t>::max();  // as Kafka's defaults

  uint64_t count_max = kNone;         // max.connections: one more waits until another ends
  uint64_t count_per_ip_max = kNone;  // max.connections.per.ip: one more is closed
  bool any() const { return count_max < kNone || count_per_ip_max < kNone; }
};

class ConnectionCensus {
 public:
  enum class Entry : uint8_t { admitted, full, too_many_from_there };

  explicit ConnectionCensus(ConnectionLimits limits) : limits_(limits) {}
  ConnectionCensus(const ConnectionCensus&) = delete;

  bool counts() const { return limits_.any(); }

  // From any reactor, by its scheduler. Who is admitted leaves in the end.
  Task<Entry> enter(Scheduler& scheduler, const std::string& ip);
  Task<void> leave(Scheduler& scheduler, const std::string& ip);

 private:
  Task<Entry> enter_here(const std::string& ip);
  Task<void> leave_here(const std::string& ip);

  const ConnectionLimits limits_;
  uint64_t count_ = 0;
  std::map<std::string, uint64_t> by_ip_;
};

}  // namespace penstock::kafka
