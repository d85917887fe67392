#include "net/kafka/messages/produce.h"

#include <limits>

#include "engine/record_batch.h"
#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kZstdVersionFirst = 7;

// What Kafka answers to each fault of a batch.
KafkaError error_of_fault(BatchFault fault) {
  switch (fault) {
    case BatchFault::truncated:
    case BatchFault::length:
    case BatchFault::magic_unknown:
    case BatchFault::crc:
    case BatchFault::varint: return KafkaError::corrupt_message;
    case BatchFault::magic_old: return KafkaError::unsupported_for_message_format;
    case BatchFault::too_large: return KafkaError::message_too_large;
    case BatchFault::codec_unknown: return KafkaError::unsupported_compression_type;
    case BatchFault::timestamp:
    case BatchFault::log_append_time: return KafkaError::invalid_timestamp;
    case BatchFault::base_offset:
    case BatchFault::reserved_attributes:
    case BatchFault::control:
    case BatchFault::record_count:
    case BatchFault::last_offset_delta:
    case BatchFault::producer:
    case BatchFault::record_structure:
    case BatchFault::offset_delta: return KafkaError::invalid_record;
  }
  return KafkaError::corrupt_message;
}

struct CheckedBatch {
  KafkaError error = KafkaError::none;
  std::string_view message;
  std::span<std::byte> bytes;
};

CheckedBatch refuse(KafkaError error, std::string_view message) { return {error, message, {}}; }

// One batch, and nothing else, that the topic takes. Producers may lie about the largest timestamp; what is stored is
// the truth.
CheckedBatch check_batch(const Topic& topic, const std::optional<Records>& records,
                         int16_t version) {
  if (!records || records->size_bytes() == 0) {
    return refuse(KafkaError::invalid_record, "There is no record batch.");
  }
  const std::span<const std::byte> bytes = records->bytes();
  RecordBatch::Rules rules;
  rules.size_bytes_max = topic.config.max_message_bytes;
  const ParsedBatch parsed = RecordBatch::parse(bytes, rules);
  if (!parsed.ok()) return refuse(error_of_fault(parsed.fault()), name_of(parsed.fault()));
  const RecordBatch& batch = parsed.value();
  if (batch.size_bytes() != bytes.size()) {
    return refuse(KafkaError::invalid_record, "There is more than one record batch.");
  }
  if (batch.codec() == Codec::zstd && version < kZstdVersionFirst) {
    return refuse(KafkaError::unsupported_compression_type, "zstd needs Produce version 7.");
  }
  if (batch.transactional()) {
    return refuse(KafkaError::invalid_txn_state, "Transactions are not served.");
  }
  // The frame is ours, and the handler's alone.
  const std::span<std::byte> writable(const_cast<std::byte*>(bytes.data()), bytes.size());
  if (batch.max_timestamp_ms() != batch.header_max_timestamp_ms()) {
    RecordBatch::set_max_timestamp(writable, batch.max_timestamp_ms());
  }
  return {KafkaError::none, {}, writable};
}

Task<void> append_batch(Engine& engine, PartitionKey key, std::span<std::byte> batch,
                        bool log_append_time, ProduceResponse::Partition& result) {
  const Result<AppendResult> appended = co_await engine.append(key, batch);
  if (!appended.ok()) {
    result.error_code = kafka_error_of(appended.error());
    result.base_offset = -1;
    co_return;
  }
  result.base_offset = static_cast<int64_t>(appended.value().base_offset.value);
  result.log_start_offset = static_cast<int64_t>(appended.value().log_start.value);
  if (log_append_time) result.log_append_time_ms = appended.value().append_time_ms;
}

// Starts the append, or says at once why there is none.
void produce_partition(Request& request, const ProduceRequest& body, const Topic* topic,
                       const ProduceRequest::Partition& wanted, ProduceResponse::Partition& result,
                       TaskGroup& appends) {
  result.index = wanted.index;
  result.base_offset = -1;
  if (body.acks < -1 || body.acks > 1) {
    result.error_code = KafkaError::invalid_required_acks;
    return;
  }
  if (topic == nullptr || wanted.index < 0 ||
      static_cast<uint32_t>(wanted.index) >= topic->partition_count) {
    result.error_code = KafkaError::unknown_topic_or_partition;
    return;
  }
  if (is_internal_topic(topic->name)) {
    result.error_code = KafkaError::invalid_topic_exception;
    return;
  }
  if (body.transactional_id) {
    result.error_code = KafkaError::invalid_txn_state;
    return;
  }
  const CheckedBatch batch = check_batch(*topic, wanted.records, request.header.api_version);
  if (batch.error != KafkaError::none) {
    result.error_code = batch.error;
    result.error_message = batch.message;
    return;
  }
  const PartitionKey key{topic->id, static_cast<uint32_t>(wanted.index)};
  appends.spawn(append_batch(request.server.engine(), key, batch.bytes,
                             topic->config.log_append_time, result));
}

bool any_error(const ProduceResponse& response) {
  for (const ProduceResponse::Topic& topic : response.topics) {
    for (const ProduceResponse::Partition& partition : topic.partitions) {
      if (partition.error_code != KafkaError::none) return true;
    }
  }
  return false;
}

}  // namespace

// All appends are under way before the first is waited for: so requests that follow each other on a connection, begun
// in order, reach every partition in order.
Task<Result<Answer>> handle_produce(Request& request) {
  const Result<ProduceRequest> decoded = body_of<ProduceRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const ProduceRequest& body = decoded.value();
  const CatalogSnapshot& catalog = request.server.engine().catalog();
  ProduceResponse response;
  response.topics.resize(body.topics.size());  // results are written where they stay
  TaskGroup appends;
  for (size_t i = 0; i < body.topics.size(); ++i) {
    const ProduceRequest::Topic& wanted = body.topics[i];
    const Topic* topic = catalog.find(wanted.name);
    ProduceResponse::Topic& results = response.topics[i];
    results.name = wanted.name;
    results.partitions.resize(wanted.partitions.size());
    for (size_t j = 0; j < wanted.partitions.size(); ++j) {
      produce_partition(request, body, topic, wanted.partitions[j], results.partitions[j], appends);
    }
  }
  co_await appends.wait_empty();
  co_await request.server.engine().doors().scheduler.yield();  // the last is still on the stack
  if (body.acks != 0) co_return answer_with(request, response);
  // The producer hears nothing; that something was lost it can only learn from a connection that ends.
  if (any_error(response)) co_return Error::invalid_argument;
  co_return Answer();
}

}  // namespace penstock::kafka
