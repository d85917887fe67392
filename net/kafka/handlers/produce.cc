#include "net/kafka/messages/produce.h"

#include <cstring>
#include <memory>
#include <utility>

#include "engine/file_io.h"
#include "net/kafka/handlers.h"
#include "net/kafka/handlers/produced_batch.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/quotas/throttle.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

void fail(ProduceResponse::Partition& result, KafkaError error) {
  result.error_code = error;
  result.base_offset = -1;
}

// `batch` stays put; `owned` is its memory if it is not the request's. `block`: as Engine::append wants it.
Task<void> append_batch(Engine& engine, PartitionKey key, std::span<std::byte> batch, Buffer owned,
                        const Buffer* block, bool log_append_time,
                        ProduceResponse::Partition& result) {
  const Result<AppendResult> appended = co_await engine.append(key, batch, block);
  owned.reset();
  if (!appended.ok()) {
    fail(result, kafka_error_of(appended.error()));
    co_return;
  }
  result.base_offset = static_cast<int64_t>(appended.value().base_offset.value);
  result.log_start_offset = static_cast<int64_t>(appended.value().log_start.value);
  if (log_append_time) result.log_append_time_ms = appended.value().append_time_ms;
}

// What needs no look at the batch.
KafkaError refusal_of(const ProduceRequest& body, const Topic* topic, int32_t index) {
  if (body.acks < -1 || body.acks > 1) return KafkaError::invalid_required_acks;
  if (topic == nullptr || index < 0 || static_cast<uint32_t>(index) >= topic->partition_count) {
    return KafkaError::unknown_topic_or_partition;
  }
  if (is_internal_topic(topic->name)) return KafkaError::invalid_topic_exception;
  if (body.transactional_id) return KafkaError::invalid_txn_state;
  return KafkaError::none;
}

// The result refers to the texts of `batch`.
void tell_refusal(const ProducedBatch& batch, ProduceResponse::Partition& result) {
  fail(result, batch.error);
  result.error_message = batch.message;
  for (const ProducedBatch::BadRecord& record : batch.bad_records) {
    result.record_errors.push_back({static_cast<int32_t>(record.index), record.message});
  }
}

bool any_error(const ProduceResponse& response) {
  for (const ProduceResponse::Topic& topic : response.topics) {
    for (const ProduceResponse::Partition& partition : topic.partitions) {
      if (partition.error_code != KafkaError::none) return true;
    }
  }
  return false;
}

// Begins the appends of one request, in the order of its partitions.
class Appends {
 public:
  Appends(Request& request, const ProduceRequest& body, ProduceResponse& response)
      : request_(request), engine_(request.server.engine()), body_(body), response_(response) {}

  Task<void> begin_all() {
    response_.topics.resize(body_.topics.size());  // results are written where they stay
    only_batch_ = body_.topics.size() == 1 && body_.topics[0].partitions.size() == 1;
    for (size_t i = 0; i < body_.topics.size(); ++i) {
      const ProduceRequest::Topic& wanted = body_.topics[i];
      ProduceResponse::Topic& results = response_.topics[i];
      results.name = wanted.name;
      if (only_batch_) results.name = only_name_ = wanted.name;
      results.partitions.resize(wanted.partitions.size());
      for (size_t j = 0; j < wanted.partitions.size(); ++j) {
        begin(wanted.name, wanted.partitions[j], results.partitions[j]);
        if (recompressed_.empty() && !laborious_) continue;
        co_await go_on(results.partitions[j]);
      }
    }
  }

  // Where in the request its only batch begins; 0: there are more, or none.
  size_t only_batch_place() const {
    if (!only_batch_) return 0;
    const std::optional<Records>& records = body_.topics[0].partitions[0].records;
    if (!records || records->size_bytes() == 0) return 0;
    return static_cast<size_t>(records->bytes().data() - request_.frame.data());
  }

  Task<void> wait() {
    co_await running_.wait_empty();
    co_await engine_.doors().scheduler.yield();  // the last is still on the stack
  }

 private:
  // Starts the append, or says at once why there is none, or leaves the batch in `recompressed_`.
  void begin(std::string_view name, const ProduceRequest::Partition& wanted,
             ProduceResponse::Partition& result) {
    // Looked up each time: while we wait the catalog may change.
    const Topic* topic = engine_.catalog().find(name);
    result.index = wanted.index;
    const KafkaError refusal = refusal_of(body_, topic, wanted.index);
    if (refusal != KafkaError::none) return fail(result, refusal);
    ProducedBatch batch =
        take_batch(*topic, wanted.records, request_.header.api_version,
                   engine_.doors().clock.wall_ms(), request_.server.batch_codecs());
    laborious_ = batch.laborious;
    if (batch.error != KafkaError::none) {
      refused_.push_back(std::make_unique<ProducedBatch>(std::move(batch)));
      return tell_refusal(*refused_.back(), result);
    }
    key_ = {topic->id, static_cast<uint32_t>(wanted.index)};
    log_append_time_ = topic->config.log_append_time;
    recompressed_ = std::move(batch.recompressed);
    if (!recompressed_.empty()) return;
    running_.spawn(append_batch(engine_, key_, batch.bytes, Buffer(),
                                only_batch_ ? request_.block : nullptr, log_append_time_, result));
  }

  // Recompressed batches wait for the disk in the pool's memory, which is bounded. After much work the reactor's others
  // have their turn.
  Task<void> go_on(ProduceResponse::Partition& result) {
    const std::vector<std::byte> bytes = std::exchange(recompressed_, {});
    if (!bytes.empty()) {
      Result<Buffer> room = co_await allocate_buffer(engine_.doors(), bytes.size());
      if (room.ok()) {
        const std::span<std::byte> batch = room.value().bytes().first(bytes.size());
        std::memcpy(batch.data(), bytes.data(), bytes.size());
        running_.spawn(append_batch(engine_, key_, batch, std::move(room).value(), nullptr,
                                    log_append_time_, result));
      } else {
        fail(result, kafka_error_of(room.error()));
      }
    }
    if (std::exchange(laborious_, false)) co_await engine_.doors().scheduler.yield();
  }

  Request& request_;
  Engine& engine_;
  const ProduceRequest& body_;
  ProduceResponse& response_;
  TaskGroup running_;
  std::vector<std::unique_ptr<ProducedBatch>> refused_;  // with the texts the answer refers to

  // The request's memory may become the log's: what the answer needs of it is here.
  bool only_batch_ = false;
  std::string only_name_;

  // Of the partition looked at last.
  PartitionKey key_;
  bool log_append_time_ = false;
  bool laborious_ = false;
  std::vector<std::byte> recompressed_;
};

}  // namespace

// All appends are under way before the first is waited for, and those of a connection's next request begin after them:
// so requests that follow each other on a connection reach every partition in order.
Task<Result<Answer>> handle_produce(Request& request) {
  const Result<ProduceRequest> decoded = body_of<ProduceRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const ProduceRequest& body = decoded.value();
  ProduceResponse response;
  Appends appends(request, body, response);
  co_await request.produce_order.lock();
  co_await appends.begin_all();
  request.produce_order.unlock();
  co_await appends.wait();
  // The producer hears nothing; that something was lost it can only learn from a connection that ends.
  if (body.acks == 0 && any_error(response)) co_return Error::invalid_argument;
  const uint64_t muted_ns = co_await throttle_produce(request);
  response.throttle_time_ms = throttle_ms_of(muted_ns);
  Result<Answer> answer = Answer();
  if (body.acks != 0) answer = answer_with(request, response);
  if (answer.ok()) {
    answer.value().muted_ns = muted_ns;
    answer.value().batch_place = appends.only_batch_place();
  }
  co_return answer;
}

}  // namespace penstock::kafka
