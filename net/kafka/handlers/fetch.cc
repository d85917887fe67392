#include "net/kafka/messages/fetch.h"

#include <algorithm>
#include <limits>

#include "net/kafka/handlers.h"
#include "net/kafka/leader_epoch.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int32_t kFetchBytesMax = 57'671'680;  // fetch.max.bytes: clients have limits of their own
constexpr int32_t kWaitMsMax = 600'000;         // connections.max.idle.ms: nobody waits longer
constexpr size_t kPartitionsMax = 10'000;

// One answer under construction. What it refers to lives here: it is filled anew each time the request looks again.
struct Gathered {
  struct Sent {
    TopicId topic;
    uint64_t record_count = 0;
    uint64_t bytes = 0;
  };
  FetchResponse response;
  std::vector<std::vector<IoSlice>>
      pieces;  // of the partitions that have records; never grown beyond its reserve
  std::vector<Buffer> kept;
  size_t size_bytes = 0;
  bool failed = false;  // some partition has an error: answer at once
  std::vector<Engine::WatchedPartition> watched;
  std::vector<Sent> sent;  // for the server's figures
};

size_t count_partitions(const FetchRequest& body) {
  size_t count = 0;
  for (const FetchRequest::Topic& topic : body.topics) count += topic.partitions.size();
  return count;
}

void fill_offsets(const PartitionOffsets& offsets, FetchResponse::Partition& result) {
  result.high_watermark = static_cast<int64_t>(offsets.high_watermark.value);
  result.last_stable_offset = result.high_watermark;
  result.log_start_offset = static_cast<int64_t>(offsets.log_start.value);
}

// Kafka's answer out of range still says where the range is.
Task<void> fill_error(Engine& engine, PartitionKey key, Error error,
                      FetchResponse::Partition& result) {
  result.error_code = kafka_error_of(error);
  if (error != Error::offset_out_of_range) co_return;
  const Result<PartitionOffsets> offsets = co_await engine.offsets(key);
  if (offsets.ok()) fill_offsets(offsets.value(), result);
}

Task<void> read_partition(Engine& engine, const FetchRequest& body, PartitionKey key,
                          const FetchRequest::Partition& wanted, Gathered& gathered,
                          FetchResponse::Partition& result) {
  if (wanted.size_bytes_max < 0) {
    result.error_code = KafkaError::invalid_request;
    co_return;
  }
  if (wanted.fetch_offset < 0) {
    co_await fill_error(engine, key, Error::offset_out_of_range, result);
    co_return;
  }
  const size_t limit = static_cast<size_t>(std::min(body.size_bytes_max, kFetchBytesMax));
  const size_t left = limit > gathered.size_bytes ? limit - gathered.size_bytes : 0;
  // The first partition with records gives at least one batch, however small the limits; later ones respect them.
  if (left == 0 && gathered.size_bytes > 0) {
    const Result<PartitionOffsets> offsets = co_await engine.offsets(key);
    if (offsets.ok()) fill_offsets(offsets.value(), result);
    co_return;
  }
  const size_t most = std::min<size_t>(left, static_cast<size_t>(wanted.size_bytes_max));
  const Offset offset{static_cast<uint64_t>(wanted.fetch_offset)};
  Result<ReadResult> read = co_await engine.read(key, offset, most);
  if (!read.ok()) {
    co_await fill_error(engine, key, read.error(), result);
    co_return;
  }
  const PartitionOffsets& offsets = read.value().offsets;
  result.error_code = check_leader_epoch(wanted.current_leader_epoch, offsets.leader_epoch);
  if (result.error_code != KafkaError::none) co_return;
  fill_offsets(offsets, result);
  gathered.watched.push_back({key, offsets.high_watermark});
  if (gathered.size_bytes > 0 && read.value().size_bytes > left)
    co_return;  // one large batch: next time
  std::vector<IoSlice>& pieces = gathered.pieces.emplace_back();
  for (ReadSlice& slice : read.value().slices) {
    pieces.push_back({slice.bytes.data(), slice.bytes.size()});
    gathered.kept.push_back(std::move(slice.buffer));
  }
  gathered.size_bytes += read.value().size_bytes;
  if (read.value().size_bytes > 0) {
    gathered.sent.push_back({key.topic, read.value().record_count, read.value().size_bytes});
  }
  if (!pieces.empty()) result.records = Records(std::span<const IoSlice>(pieces));
}

Task<void> gather(Engine& engine, const FetchRequest& body, Gathered& gathered) {
  gathered.pieces.reserve(count_partitions(body));
  for (const FetchRequest::Topic& wanted : body.topics) {
    FetchResponse::Topic topic;
    topic.name = wanted.name;
    for (const FetchRequest::Partition& partition : wanted.partitions) {
      FetchResponse::Partition result;
      result.index = partition.index;
      result.high_watermark = -1;
      result.records = Records();
      const Topic* known = engine.catalog().find(wanted.name);
      if (known == nullptr || partition.index < 0 ||
          static_cast<uint32_t>(partition.index) >= known->partition_count) {
        result.error_code = KafkaError::unknown_topic_or_partition;
      } else {
        const PartitionKey key{known->id, static_cast<uint32_t>(partition.index)};
        co_await read_partition(engine, body, key, partition, gathered, result);
      }
      if (result.error_code != KafkaError::none) gathered.failed = true;
      topic.partitions.push_back(std::move(result));
    }
    gathered.response.topics.push_back(std::move(topic));
  }
}

Result<Answer> answer_gathered(const Request& request, Gathered& gathered) {
  Result<Answer> answer = answer_with(request, gathered.response);
  if (!answer.ok()) return answer;
  answer.value().kept = std::move(gathered.kept);
  for (const Gathered::Sent& sent : gathered.sent) {
    request.server.figures().count_sent(sent.topic, sent.record_count, sent.bytes);
  }
  return answer;
}

Result<Answer> answer_error(const Request& request, KafkaError error) {
  FetchResponse response;
  response.error_code = error;
  return answer_with(request, response);
}

}  // namespace

// Answers when there are enough bytes, an error, or no time left; meanwhile it is parked on its partitions.
Task<Result<Answer>> handle_fetch(Request& request) {
  const Result<FetchRequest> decoded = body_of<FetchRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const FetchRequest& body = decoded.value();
  // There are no sessions: a client asks for one with epoch 0 and is told id 0, "none".
  if (body.session_id != 0) {
    co_return answer_error(request, KafkaError::fetch_session_id_not_found);
  }
  if (body.size_bytes_max < 0 || count_partitions(body) > kPartitionsMax) {
    co_return answer_error(request, KafkaError::invalid_request);
  }
  Engine& engine = request.server.engine();
  const uint64_t wait_ms = static_cast<uint64_t>(std::clamp(body.wait_ms_max, 0, kWaitMsMax));
  const uint64_t deadline_ns = engine.doors().clock.monotonic_ns() + wait_ms * 1'000'000;
  const size_t enough = static_cast<size_t>(std::max(body.size_bytes_min, 0));
  for (;;) {
    Gathered gathered;
    co_await gather(engine, body, gathered);
    const bool late =
        engine.doors().clock.monotonic_ns() >= deadline_ns || request.client_gone.cancelled;
    if (gathered.failed || gathered.size_bytes >= enough || late || gathered.watched.empty()) {
      co_return answer_gathered(request, gathered);
    }
    std::vector<Engine::WatchedPartition> watched = std::move(gathered.watched);
    gathered = Gathered();  // parked, it holds no buffer
    co_await engine.wait_for_change(std::move(watched), deadline_ns, request.client_gone);
  }
}

}  // namespace penstock::kafka
