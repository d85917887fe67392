// Requests to Kafka brokers over some connections, pipelined, by one thread: as many as are answered, or at a fixed
// rate, where a request's latency counts from the time it was meant to be sent, whoever held it up.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/kafka/message.h"
#include "tools/bench_result.h"
#include "tools/kafka_client.h"
#include "tools/latency_histogram.h"

namespace penstock {

class KafkaLoad {
 public:
  struct Options {
    uint32_t connections = 1;
    uint32_t in_flight = 5;  // on each connection
    double rate = 0;         // requests a second, of all connections; 0: as fast as it goes
    bool spin = false;       // looks for answers without sleeping
  };
  KafkaLoad(const Options& options, std::vector<NetworkAddress> leaders)
      : options_(options), leaders_(std::move(leaders)) {}
  KafkaLoad(const KafkaLoad&) = delete;
  virtual ~KafkaLoad() = default;

  // Connects to each leader. False: failure() says why.
  bool connect();
  // Sends for so long, and waits for all answers. Empty after a failure.
  BenchWindow run(uint64_t milliseconds, LatencyHistogram& latency);
  const std::string& failure() const { return failure_; }

 protected:
  // A request for one of `partitions`, which one connection serves; nothing: none of them can be asked now.
  struct Request {
    kafka::OutgoingFrame frame;
    int32_t partition = 0;
  };
  virtual std::optional<Request> make_request(const std::vector<int32_t>& partitions) = 0;
  // The answer, without its length prefix. Its bytes that count; nothing: it is wrong, and fail() was told.
  virtual std::optional<uint64_t> take_answer(int32_t partition,
                                              std::span<const std::byte> frame) = 0;
  void fail(const std::string& text) {
    if (failure_.empty()) failure_ = text;
  }

 private:
  struct Pending {
    uint64_t intended_ns = 0;
    int32_t partition = 0;
  };
  struct Link {
    std::unique_ptr<KafkaConnection> connection;
    std::vector<int32_t> partitions;
    std::deque<Pending> pending;
    std::optional<kafka::OutgoingFrame> frame;  // being sent
    size_t sent_bytes = 0;
  };
  // One run's progress.
  struct Run {
    uint64_t began_ns = 0;
    uint64_t deadline_ns = 0;
    uint64_t request_count = 0;
    uint64_t answered_ns = 0;  // the last one
    BenchWindow window;
    LatencyHistogram* latency = nullptr;
  };

  uint64_t due_ns(const Run& run) const;
  void send_all(Run& run, uint64_t now_ns);
  bool begin_request(Link& link, Run& run, uint64_t now_ns);
  void wait(const Run& run, uint64_t now_ns);
  void receive(Link& link, Run& run);
  bool all_answered() const;

  Options options_;
  std::vector<NetworkAddress> leaders_;
  std::vector<Link> links_;
  size_t next_link_ = 0;
  std::string failure_;
};

}  // namespace penstock
