// What a Server counts of its clients' requests; on its reactor.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include "engine/types.h"
#include "io/figures.h"
#include "net/kafka/api.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/quotas/quota_choice.h"

namespace penstock::kafka {

struct ApiFigures {
  uint64_t request_bytes = 0;
  uint64_t response_bytes = 0;
  DurationCounts durations;  // from the request's last byte to its answer, not sent yet
};

// What consumers were sent of a topic.
struct SentFigures {
  uint64_t read_count = 0;  // of partitions, with records
  uint64_t record_count = 0;
  uint64_t bytes = 0;
};

// Requests after which their client had to wait.
struct ThrottledFigures {
  uint64_t count = 0;
  uint64_t wait_ns = 0;
};

class ServerFigures {
 public:
  static constexpr size_t kApisMax = 96;  // by key; there are no requests with others

  void count_request(ApiKey api, uint64_t request_bytes, uint64_t response_bytes,
                     uint64_t duration_ns) {
    const auto key = static_cast<size_t>(api);
    if (key >= kApisMax) return;
    ApiFigures& figures = apis_[key];
    figures.request_bytes += request_bytes;
    figures.response_bytes += response_bytes;
    figures.durations.add(duration_ns);
  }
  void count_error(ApiKey api, KafkaError error) { ++errors_[{api, error}]; }
  void count_sent(const TopicId& topic, uint64_t record_count, uint64_t bytes) {
    SentFigures& sent = sent_[topic];
    ++sent.read_count;
    sent.record_count += record_count;
    sent.bytes += bytes;
  }
  void count_throttled(QuotaKind kind, uint64_t wait_ns) {
    ThrottledFigures& figures = throttled_[static_cast<size_t>(kind)];
    ++figures.count;
    figures.wait_ns += wait_ns;
  }
  // The topic is gone, and with it what was counted.
  template <class Exists>
  void forget_topics_unless(Exists exists) {
    std::erase_if(sent_, [&](const auto& entry) { return !exists(entry.first); });
  }

  const std::array<ApiFigures, kApisMax>& apis() const { return apis_; }
  const std::map<std::pair<ApiKey, KafkaError>, uint64_t>& errors() const { return errors_; }
  const std::map<TopicId, SentFigures>& sent() const { return sent_; }
  const std::array<ThrottledFigures, kQuotaKinds>& throttled() const { return throttled_; }

  uint64_t connection_count = 0;          // open now
  uint64_t connection_refused_count = 0;  // over a limit
  uint64_t connection_idle_count = 0;     // ended because nothing was asked for
  uint64_t connection_slow_count = 0;     // ended because answers were not taken

 private:
  std::array<ApiFigures, kApisMax> apis_{};
  std::map<std::pair<ApiKey, KafkaError>, uint64_t> errors_;  // only codes that we answer
  std::map<TopicId, SentFigures> sent_;                       // only topics that exist
  std::array<ThrottledFigures, kQuotaKinds> throttled_{};     // by QuotaKind
};

}  // namespace penstock::kafka
