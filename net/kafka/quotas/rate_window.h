// How much has come in the last seconds, and how long to wait until that is no more than a limit allows: as Kafka counts.
//
// Time is cut into slots of one length, of which the last few count, the one that now runs among them. So the window is as
// long as all slots but one, and what has passed of the one that runs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace penstock::kafka {

struct QuotaSettings {
  uint32_t slot_count = 11;   // quota.window.num; at least 2
  uint32_t slot_seconds = 1;  // quota.window.size.seconds

  // What a limit allows at once, in seconds of it: all slots but the one that runs.
  double window_seconds() const { return static_cast<double>(slot_count - 1) * slot_seconds; }
};

class RateWindow {
 public:
  explicit RateWindow(const QuotaSettings& settings)
      : slot_ns_(settings.slot_seconds * uint64_t{1'000'000'000}), slots_(settings.slot_count) {}

  void add(uint64_t now_ns, double bytes) {
    move_to(now_ns);
    slots_[slot_ % slots_.size()] += bytes;
  }
  // Within the window.
  double bytes(uint64_t now_ns) {
    move_to(now_ns);
    double sum = 0;
    for (const double slot : slots_) sum += slot;
    return sum;
  }
  // For how long nothing more may come until the rate is `bytes_per_s`, if `bytes` come now; 0: they may.
  uint64_t wait_ns(uint64_t now_ns, double bytes, double bytes_per_s) {
    constexpr double kLongestNs = 1e18;
    const uint64_t window_ns = (slots_.size() - 1) * slot_ns_ + now_ns % slot_ns_;
    const double needed_ns = (this->bytes(now_ns) + bytes) / bytes_per_s * 1e9;
    const double wait_ns = std::min(needed_ns, kLongestNs) - static_cast<double>(window_ns);
    return wait_ns > 0 ? static_cast<uint64_t>(wait_ns) : 0;
  }

 private:
  void move_to(uint64_t now_ns) {
    const uint64_t now_slot = now_ns / slot_ns_;
    if (now_slot <= slot_) return;
    const uint64_t passed = std::min<uint64_t>(now_slot - slot_, slots_.size());
    for (uint64_t i = 0; i < passed; ++i) slots_[(now_slot - i) % slots_.size()] = 0;
    slot_ = now_slot;
  }

  uint64_t slot_ns_;
  uint64_t slot_ = 0;  // that runs
  std::vector<double> slots_;
};

}  // namespace penstock::kafka
