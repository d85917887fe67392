// A cluster as an administrator asks it: requests one at a time, each in the newest version that both sides know.
//
// Used from one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/kafka/message.h"
#include "net/kafka/messages/api_versions.h"
#include "net/kafka/messages/metadata.h"
#include "tools/kafka_client.h"

namespace penstock {

template <class T>
struct KafkaAnswer {
  std::vector<std::byte> frame;  // what the message points into
  T message;
};

// One broker.
class KafkaSession {
 public:
  // Null: `wrong` says why. Nothing of it takes longer than `patience_ms`; -1: for ever.
  static std::unique_ptr<KafkaSession> open(const NetworkAddress& address, int patience_ms,
                                            std::string& wrong);

  // Nothing: `wrong` says why. `version_max`: where later versions ask in another form.
  template <class Response, class Request>
  std::optional<KafkaAnswer<Response>> ask(const Request& request, std::string& wrong,
                                           int16_t version_max = INT16_MAX) {
    const std::optional<int16_t> version = version_of(Request::kApi, version_max);
    if (!version) {
      wrong = unserved(Request::kApi.key);
      return std::nullopt;
    }
    const Result<kafka::OutgoingFrame> frame =
        kafka::encode_request(1, "penstock", *version, request);
    std::optional<std::vector<std::byte>> received;
    if (frame.ok()) received = connection_->call(frame.value());
    if (received) {
      KafkaAnswer<Response> answer{std::move(*received), {}};
      kafka::Decoder decoder(answer.frame);
      if (kafka::decode_response_header(decoder, Response::kApi, *version).ok()) {
        Result<Response> message = kafka::decode_body<Response>(decoder, *version);
        if (message.ok()) {
          answer.message = std::move(message).value();
          return answer;
        }
      }
    }
    wrong = unanswered(Request::kApi.key);
    return std::nullopt;
  }

 private:
  KafkaSession(std::unique_ptr<KafkaConnection> connection, std::string address)
      : connection_(std::move(connection)), address_(std::move(address)) {}

  std::optional<int16_t> version_of(const kafka::Api& api, int16_t version_max) const;
  std::string unserved(kafka::ApiKey key) const;
  std::string unanswered(kafka::ApiKey key) const;

  std::unique_ptr<KafkaConnection> connection_;
  std::string address_;
  std::map<kafka::ApiKey, kafka::VersionRange> versions_;
};

// All brokers, by way of one of them.
class KafkaCluster {
 public:
  struct Partition {
    int32_t index = 0;
    int32_t leader = -1;
    std::vector<int32_t> replicas;
    std::vector<int32_t> in_sync;
  };
  struct Topic {
    std::string name;
    std::string trouble;  // its error's name; empty: none
    bool internal = false;
    std::vector<Partition> partitions;  // by index
  };

  explicit KafkaCluster(int patience_ms) : patience_ms_(patience_ms) {}

  // False: `wrong` says why. So for all below.
  bool connect(const NetworkAddress& bootstrap, std::string& wrong);

  KafkaSession& bootstrap() { return *bootstrap_; }
  // Null: `wrong` says why.
  KafkaSession* broker(int32_t node_id, std::string& wrong);
  KafkaSession* coordinator_of(const std::string& group, std::string& wrong);

  // By name; all of them without names.
  std::optional<std::vector<Topic>> topics(const std::vector<std::string>& names,
                                           std::string& wrong);
  // Whether broker() and broker_ids() know the brokers now: so they do after topics() too.
  bool learn_brokers(std::string& wrong);
  std::vector<int32_t> broker_ids() const;

  // Of a partition: kEarliest, kLatest, or the first record of a time. Nothing: `wrong` says why.
  std::optional<int64_t> offset(const std::string& topic, const Partition& partition,
                                int64_t timestamp_ms, std::string& wrong);

 private:
  std::optional<KafkaAnswer<kafka::MetadataResponse>> metadata(
      const kafka::MetadataRequest& request, std::string& wrong);

  int patience_ms_;
  std::unique_ptr<KafkaSession> bootstrap_;
  std::map<int32_t, NetworkAddress> addresses_;
  std::map<int32_t, std::unique_ptr<KafkaSession>> sessions_;
};

}  // namespace penstock
