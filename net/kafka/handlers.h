// What answers each request: one file per request in handlers/.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "io/fair_mutex.h"
#include "net/kafka/error_search.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/message.h"

namespace penstock::kafka {

class Server;

// One request, complete in memory. Everything stays put until its answer is there.
struct Request {
  Server& server;
  const NetworkAddress& advertised;  // what this client is told of where to find us
  const RequestHeader& header;
  std::span<std::byte> frame;       // header included; its handler may change it in place
  const Buffer* block;              // that it lies in; null: other memory
  Engine::WaitCancel& client_gone;  // cancelled when nobody will read the answer
  SocketId socket;                  // the client's
  FairMutex& produce_order;         // of the connection: held while a request's appends are begun
};

// What is sent, and what keeps the bytes it refers to. No frame: nothing is sent (acks=0).
struct Answer {
  std::optional<OutgoingFrame> frame;
  std::vector<Buffer> kept;
  std::shared_ptr<const void> kept_value;
  uint64_t muted_ns = 0;  // so long nothing more is begun for this client
  // Where the request's only record batch began: those of the client's next ones will, most likely. 0: unknown.
  size_t batch_place = 0;
};

// Why a client does not get what it asked for; code `none`: it does.
struct Refusal {
  KafkaError code = KafkaError::none;
  std::string message;

  // For an answer that this outlives.
  std::optional<std::string_view> text() const {
    return message.empty() ? std::nullopt : std::optional<std::string_view>(message);
  }
};

// Chooses the handler by the header. An error ends the connection: the request was not one.
Task<Result<Answer>> handle_request(Request& request);

Task<Result<Answer>> handle_alter_client_quotas(Request& request);
Task<Result<Answer>> handle_alter_configs(Request& request);
Task<Result<Answer>> handle_alter_partition_reassignments(Request& request);
Task<Result<Answer>> handle_api_versions(Request& request);
Task<Result<Answer>> handle_consumer_group_describe(Request& request);
Task<Result<Answer>> handle_consumer_group_heartbeat(Request& request);
Task<Result<Answer>> handle_create_partitions(Request& request);
Task<Result<Answer>> handle_create_topics(Request& request);
Task<Result<Answer>> handle_delete_groups(Request& request);
Task<Result<Answer>> handle_delete_records(Request& request);
Task<Result<Answer>> handle_delete_topics(Request& request);
Task<Result<Answer>> handle_describe_client_quotas(Request& request);
Task<Result<Answer>> handle_describe_cluster(Request& request);
Task<Result<Answer>> handle_describe_configs(Request& request);
Task<Result<Answer>> handle_describe_groups(Request& request);
Task<Result<Answer>> handle_describe_log_dirs(Request& request);
Task<Result<Answer>> handle_describe_producers(Request& request);
Task<Result<Answer>> handle_describe_topic_partitions(Request& request);
Task<Result<Answer>> handle_elect_leaders(Request& request);
Task<Result<Answer>> handle_fetch(Request& request);
Task<Result<Answer>> handle_find_coordinator(Request& request);
Task<Result<Answer>> handle_heartbeat(Request& request);
Task<Result<Answer>> handle_incremental_alter_configs(Request& request);
Task<Result<Answer>> handle_init_producer_id(Request& request);
Task<Result<Answer>> handle_join_group(Request& request);
Task<Result<Answer>> handle_leave_group(Request& request);
Task<Result<Answer>> handle_list_groups(Request& request);
Task<Result<Answer>> handle_list_offsets(Request& request);
Task<Result<Answer>> handle_list_partition_reassignments(Request& request);
Task<Result<Answer>> handle_metadata(Request& request);
Task<Result<Answer>> handle_offset_commit(Request& request);
Task<Result<Answer>> handle_offset_delete(Request& request);
Task<Result<Answer>> handle_offset_fetch(Request& request);
Task<Result<Answer>> handle_offset_for_leader_epoch(Request& request);
Task<Result<Answer>> handle_produce(Request& request);
Task<Result<Answer>> handle_sync_group(Request& request);

// Where the request comes from, as Kafka shows it: "/127.0.0.1".
std::string client_host_of(const Request& request);

// The code for an engine's error on a partition.
KafkaError kafka_error_of(Error error);

// Of an answer to `request`, for the server's figures.
void count_error(const Request& request, KafkaError error);

// The body of `request`, or why it is none.
template <class Body>
Result<Body> body_of(const Request& request) {
  Decoder decoder(request.frame);
  const Result<RequestHeader> header = decode_request_header(decoder);
  if (!header.ok()) return header.error();
  return decode_body<Body>(decoder, request.header.api_version);
}

// An answer that refers to nothing but itself.
template <class Body>
Result<Answer> answer_with(const Request& request, const Body& body) {
  for_each_error(body, [&request](KafkaError error) { count_error(request, error); });
  Result<OutgoingFrame> frame =
      encode_response(request.header.correlation_id, request.header.api_version, body);
  if (!frame.ok()) return frame.error();
  Answer answer;
  answer.frame.emplace(std::move(frame).value());
  return answer;
}

}  // namespace penstock::kafka
