// What the parts of a reactor count about themselves: plain numbers, written on that reactor and read there.
//
// Nothing here is shared between cores: whoever wants the figures of a node asks each reactor for a copy. A count never
// decreases while the process lives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock {

// How many durations fell into which of a few ranges.
class DurationCounts {
 public:
  // The longest duration of each range; one more range has no end.
  static constexpr std::array<uint64_t, 17> kBoundsNs = {
      50'000,      100'000,       250'000,       500'000,       1'000'000,     2'500'000,
      5'000'000,   10'000'000,    25'000'000,    50'000'000,    100'000'000,   250'000'000,
      500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

  void add(uint64_t duration_ns) {
    size_t range = 0;
    while (range < kBoundsNs.size() && duration_ns > kBoundsNs[range]) ++range;
    ++counts_[range];
    total_ns_ += duration_ns;
  }
  void add(const DurationCounts& other) {
    for (size_t range = 0; range < counts_.size(); ++range) counts_[range] += other.counts_[range];
    total_ns_ += other.total_ns_;
  }

  // By range; not summed up.
  const std::array<uint64_t, kBoundsNs.size() + 1>& counts() const { return counts_; }
  uint64_t total_ns() const { return total_ns_; }
  uint64_t count() const {
    uint64_t sum = 0;
    for (const uint64_t count : counts_) sum += count;
    return sum;
  }

 private:
  std::array<uint64_t, kBoundsNs.size() + 1> counts_{};
  uint64_t total_ns_ = 0;
};

// A loop that does not come round keeps everything on its reactor waiting.
struct LoopFigures {
  static constexpr std::array<uint64_t, 3> kStallNs = {1'000'000, 10'000'000, 100'000'000};

  uint64_t turn_count = 0;
  uint64_t busy_ns = 0;  // of turns in which something happened, without the waiting
  std::array<uint64_t, kStallNs.size()> stall_counts{};  // turns that worked for longer than that

  void add_work(uint64_t work_ns) {
    busy_ns += work_ns;
    if (work_ns <= kStallNs.front()) return;
    for (size_t i = 0; i < kStallNs.size(); ++i) stall_counts[i] += work_ns > kStallNs[i] ? 1 : 0;
  }
};

// Requests to the kernel through an io_uring; nothing where there is none.
struct RingFigures {
  uint64_t submitted_count = 0;
  uint64_t completed_count = 0;
  uint64_t enter_count = 0;  // system calls
  uint64_t in_flight_count() const { return submitted_count - completed_count; }
};

struct DiskFigures {
  uint64_t read_count = 0;
  uint64_t read_bytes = 0;
  uint64_t write_count = 0;
  uint64_t written_bytes = 0;
  uint64_t failure_count = 0;  // of reads, writes and flushes
};

struct NetworkFigures {
  uint64_t accepted_count = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
};

// What a scheduler knows of the loop it stands for.
struct SchedulerFigures {
  LoopFigures loop;
  RingFigures ring;
};

}  // namespace penstock
