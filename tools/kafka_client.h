// A client of any Kafka broker, as much of one as the load generators need: requests one at a time for what they ask
// before they begin, and a connection's bytes for their load.
//
// Used from one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/network.h"
#include "net/kafka/message.h"

namespace penstock {

class KafkaConnection {
 public:
  // Waits until it is there, and later for each answer: for `patience_ms` at most, -1: for ever. Error::not_found: no
  // such host; io: nobody answers.
  static Result<std::unique_ptr<KafkaConnection>> connect(const NetworkAddress& address,
                                                          int patience_ms = -1);
  KafkaConnection(const KafkaConnection&) = delete;
  ~KafkaConnection();

  int descriptor() const { return descriptor_; }

  // Sends `frame` and takes the next one, without its length prefix; of a connection that send_some() does not use.
  // Nothing: the connection broke, or patience ended.
  std::optional<std::vector<std::byte>> call(const kafka::OutgoingFrame& frame);

  // As much of `frame` behind `sent_bytes` as the socket takes now. False: the connection broke.
  bool send_some(const kafka::OutgoingFrame& frame, size_t& sent_bytes);
  // What has arrived. False: the connection broke.
  bool receive_some();
  // The oldest whole frame that has arrived, without its length prefix, valid until the next receive_some().
  std::optional<std::span<const std::byte>> next_frame();

 private:
  KafkaConnection(int descriptor, int patience_ms)
      : descriptor_(descriptor), patience_ms_(patience_ms) {}

  int descriptor_;
  int patience_ms_;
  std::vector<std::byte> received_;
  size_t begin_ = 0;  // of what next_frame() has not given out
  size_t end_ = 0;
};

// What a load needs to know of a topic.
struct KafkaTopic {
  std::vector<NetworkAddress> leaders;  // by partition
  int16_t produce_version = 0;
  int16_t fetch_version = 0;
};

class KafkaClient {
 public:
  // Asks for versions and metadata, and makes the topic if there is none. Nothing after a failure: `wrong` says which.
  static std::optional<KafkaTopic> prepare(const NetworkAddress& bootstrap,
                                           const std::string& topic, int32_t partition_count,
                                           std::string& wrong);

  // The first offset of a partition that is there, asked of its leader; or its end.
  static std::optional<int64_t> offset_of(const NetworkAddress& leader, const std::string& topic,
                                          int32_t partition, bool end, std::string& wrong);
};

}  // namespace penstock
