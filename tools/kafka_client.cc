#include "tools/kafka_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/api_versions.h"
#include "net/kafka/messages/create_topics.h"
#include "net/kafka/messages/fetch.h"
#include "net/kafka/messages/list_offsets.h"
#include "net/kafka/messages/metadata.h"
#include "net/kafka/messages/produce.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

constexpr size_t kPrefixBytes = 4;
constexpr size_t kReceiveBytes = 1 << 20;

using kafka::KafkaError;

template <class T>
struct Answer {
  std::vector<std::byte> frame;  // what the message points into
  T message;
};

template <class Response, class Request>
std::optional<Answer<Response>> ask(KafkaConnection& connection, int16_t version,
                                    const Request& request) {
  const Result<kafka::OutgoingFrame> frame =
      kafka::encode_request(1, "penstock-bench", version, request);
  if (!frame.ok()) return std::nullopt;
  std::optional<std::vector<std::byte>> received = connection.call(frame.value());
  if (!received) return std::nullopt;
  Answer<Response> answer{std::move(*received), {}};
  kafka::Decoder decoder(answer.frame);
  if (!kafka::decode_response_header(decoder, Response::kApi, version).ok()) return std::nullopt;
  Result<Response> message = kafka::decode_body<Response>(decoder, version);
  if (!message.ok()) return std::nullopt;
  answer.message = std::move(message).value();
  return answer;
}

// Topics have names; later versions of Fetch know only their ids.
constexpr int16_t kFetchVersionMax = 12;

// The highest version that both sides know, up to `most`.
std::optional<int16_t> common_version(const kafka::ApiVersionsResponse& versions,
                                      const kafka::Api& api, int16_t most = INT16_MAX) {
  for (const auto& entry : versions.api_keys) {
    if (entry.api_key != api.key) continue;
    const int16_t version = std::min({entry.version_max, api.served.last, most});
    if (version < std::max(entry.version_min, api.served.first)) return std::nullopt;
    return version;
  }
  return std::nullopt;
}

bool create_topic(KafkaConnection& connection, int16_t version, const std::string& name,
                  int32_t partition_count, std::string& wrong) {
  kafka::CreateTopicsRequest request;
  kafka::CreateTopicsRequest::Topic topic;
  topic.name = name;
  topic.partition_count = partition_count;
  topic.replication_factor = 1;
  request.topics.push_back(topic);
  const auto answer = ask<kafka::CreateTopicsResponse>(connection, version, request);
  if (!answer || answer->message.topics.empty()) {
    wrong = "the broker does not answer CreateTopics";
    return false;
  }
  const KafkaError error = answer->message.topics.front().error_code;
  if (error == KafkaError::none) return true;
  wrong = fmt::format("topic {} cannot be made: {}", name, name_of(error));
  return false;
}

// Fills in the leaders. KafkaError::none: all are there.
KafkaError find_leaders(KafkaConnection& connection, int16_t version, const std::string& name,
                        std::vector<NetworkAddress>& leaders) {
  kafka::MetadataRequest request;
  request.topics.emplace().push_back({.name = name});
  request.allow_auto_topic_creation = false;
  const auto answer = ask<kafka::MetadataResponse>(connection, version, request);
  if (!answer || answer->message.topics.empty()) return KafkaError::network_exception;
  const auto& topic = answer->message.topics.front();
  if (topic.error_code != KafkaError::none) return topic.error_code;
  leaders.assign(topic.partitions.size(), {});
  for (const auto& partition : topic.partitions) {
    if (partition.index < 0 || static_cast<size_t>(partition.index) >= leaders.size()) {
      return KafkaError::unknown_server_error;
    }
    const auto& brokers = answer->message.brokers;
    const auto broker = std::ranges::find_if(brokers, [&partition](const auto& candidate) {
      return candidate.node_id == partition.leader_id;
    });
    if (broker == brokers.end()) return KafkaError::leader_not_available;
    NetworkAddress& leader = leaders[static_cast<size_t>(partition.index)];
    leader.host = broker->host;
    leader.port = static_cast<uint16_t>(broker->port);
  }
  return leaders.empty() ? KafkaError::leader_not_available : KafkaError::none;
}

// Whether something of `events` came in time.
bool wait_for(int descriptor, short events, int patience_ms) {
  pollfd waiting{descriptor, events, 0};
  int count = 0;
  do {
    count = poll(&waiting, 1, patience_ms);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

bool connected(int descriptor, const addrinfo& address, int patience_ms) {
  const int flags = fcntl(descriptor, F_GETFL);
  if (fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return false;
  int failure = 0;
  if (::connect(descriptor, address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS || !wait_for(descriptor, POLLOUT, patience_ms)) return false;
    socklen_t bytes = sizeof failure;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &bytes) != 0) return false;
  }
  return failure == 0 && fcntl(descriptor, F_SETFL, flags) == 0;
}

}  // namespace

Result<std::unique_ptr<KafkaConnection>> KafkaConnection::connect(const NetworkAddress& address,
                                                                  int patience_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), fmt::format("{}", address.port).c_str(), &hints, &found) !=
      0) {
    return Error::not_found;
  }
  int descriptor = -1;
  for (const addrinfo* each = found; each != nullptr && descriptor < 0; each = each->ai_next) {
    descriptor = socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, each->ai_protocol);
    if (descriptor >= 0 && !connected(descriptor, *each, patience_ms)) {
      close(descriptor);
      descriptor = -1;
    }
  }
  freeaddrinfo(found);
  if (descriptor < 0) return Error::io;
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return std::unique_ptr<KafkaConnection>(new KafkaConnection(descriptor, patience_ms));
}

KafkaConnection::~KafkaConnection() { close(descriptor_); }

std::optional<std::vector<std::byte>> KafkaConnection::call(const kafka::OutgoingFrame& frame) {
  size_t sent = 0;
  while (sent < frame.size_bytes()) {
    if (!wait_for(descriptor_, POLLOUT, patience_ms_)) return std::nullopt;
    if (!send_some(frame, sent)) return std::nullopt;
  }
  for (;;) {
    if (const auto received = next_frame()) {
      return std::vector<std::byte>(received->begin(), received->end());
    }
    if (!wait_for(descriptor_, POLLIN, patience_ms_)) return std::nullopt;
    if (!receive_some()) return std::nullopt;
  }
}

bool KafkaConnection::send_some(const kafka::OutgoingFrame& frame, size_t& sent_bytes) {
  constexpr size_t kPiecesMax = 64;
  std::array<iovec, kPiecesMax> pieces;
  size_t count = 0;
  size_t skipped = sent_bytes;
  for (const IoSlice& slice : frame.slices()) {
    if (skipped >= slice.length_bytes) {
      skipped -= slice.length_bytes;
      continue;
    }
    if (count == kPiecesMax) break;
    pieces[count++] = {const_cast<std::byte*>(slice.bytes) + skipped, slice.length_bytes - skipped};
    skipped = 0;
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  const ssize_t sent = sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  sent_bytes += static_cast<size_t>(sent);
  return true;
}

bool KafkaConnection::receive_some() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (received_.size() - end_ < kReceiveBytes) {
    if (begin_ > 0) std::memmove(received_.data(), received_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (received_.size() - end_ < kReceiveBytes) received_.resize(end_ + 2 * kReceiveBytes);
  }
  const ssize_t count =
      recv(descriptor_, received_.data() + end_, received_.size() - end_, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  end_ += static_cast<size_t>(count);
  return count > 0;
}

std::optional<std::span<const std::byte>> KafkaConnection::next_frame() {
  const std::span<const std::byte> there(received_.data() + begin_, end_ - begin_);
  kafka::Decoder decoder(there);
  const auto length = static_cast<uint32_t>(decoder.integer<int32_t>());
  if (!decoder.ok() || there.size() - kPrefixBytes < length) return std::nullopt;
  begin_ += kPrefixBytes + length;
  return there.subspan(kPrefixBytes, length);
}

std::optional<KafkaTopic> KafkaClient::prepare(const NetworkAddress& bootstrap,
                                               const std::string& topic, int32_t partition_count,
                                               std::string& wrong) {
  Result<std::unique_ptr<KafkaConnection>> made = KafkaConnection::connect(bootstrap);
  if (!made.ok()) {
    wrong = fmt::format("nobody answers at {}", address_text(bootstrap));
    return std::nullopt;
  }
  KafkaConnection& connection = *made.value();
  const auto versions = ask<kafka::ApiVersionsResponse>(connection, 0, kafka::ApiVersionsRequest{});
  if (!versions) {
    wrong = fmt::format("{} is no Kafka broker", address_text(bootstrap));
    return std::nullopt;
  }
  const auto produce = common_version(versions->message, kafka::kProduceApi);
  const auto fetch = common_version(versions->message, kafka::kFetchApi, kFetchVersionMax);
  const auto metadata = common_version(versions->message, kafka::kMetadataApi);
  const auto create = common_version(versions->message, kafka::kCreateTopicsApi);
  if (!produce || !fetch || !metadata || !create) {
    wrong = "the broker and the bench have no version in common of what the bench asks for";
    return std::nullopt;
  }
  KafkaTopic found{{}, *produce, *fetch};
  KafkaError error = find_leaders(connection, *metadata, topic, found.leaders);
  if (error == KafkaError::unknown_topic_or_partition &&
      !create_topic(connection, *create, topic, partition_count, wrong)) {
    return std::nullopt;
  }
  constexpr int kAttempts = 100;
  constexpr std::chrono::milliseconds kPause(50);
  for (int i = 0; i < kAttempts && error != KafkaError::none; ++i) {
    error = find_leaders(connection, *metadata, topic, found.leaders);
    if (error != KafkaError::none) std::this_thread::sleep_for(kPause);
  }
  if (error != KafkaError::none) {
    wrong = fmt::format("topic {} has no leaders: {}", topic, name_of(error));
    return std::nullopt;
  }
  return found;
}

std::optional<int64_t> KafkaClient::offset_of(const NetworkAddress& leader,
                                              const std::string& topic, int32_t partition, bool end,
                                              std::string& wrong) {
  constexpr int16_t kVersion = 1;  // every broker's
  Result<std::unique_ptr<KafkaConnection>> made = KafkaConnection::connect(leader);
  kafka::ListOffsetsRequest request;
  kafka::ListOffsetsRequest::Topic of;
  of.name = topic;
  of.partitions.push_back(
      {partition, -1,
       end ? kafka::ListOffsetsRequest::kLatest : kafka::ListOffsetsRequest::kEarliest});
  request.topics.push_back(of);
  if (made.ok()) {
    const auto answer = ask<kafka::ListOffsetsResponse>(*made.value(), kVersion, request);
    if (answer && !answer->message.topics.empty() &&
        !answer->message.topics.front().partitions.empty() &&
        answer->message.topics.front().partitions.front().error_code == KafkaError::none) {
      return answer->message.topics.front().partitions.front().offset;
    }
  }
  wrong =
      fmt::format("{} does not tell the offsets of partition {}", address_text(leader), partition);
  return std::nullopt;
}

}  // namespace penstock
