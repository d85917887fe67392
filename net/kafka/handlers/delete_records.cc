#include "net/kafka/messages/delete_records.h"

#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

Task<Result<PartitionOffsets>> move_log_start(Engine& engine, PartitionKey key, int64_t offset) {
  constexpr int64_t kHighWatermark = -1;
  if (offset < kHighWatermark) co_return Error::offset_out_of_range;
  Offset wanted{static_cast<uint64_t>(offset)};
  if (offset == kHighWatermark) {
    const Result<PartitionOffsets> offsets = co_await engine.offsets(key);
    if (!offsets.ok()) co_return offsets.error();
    wanted = offsets.value().high_watermark;
  }
  co_return co_await engine.truncate_prefix(key, wanted);
}

Task<DeleteRecordsResponse::Partition> delete_records(
    Engine& engine, std::string_view topic_name, const DeleteRecordsRequest::Partition& asked) {
  DeleteRecordsResponse::Partition result;
  result.partition_index = asked.partition_index;
  const Topic* const topic = engine.catalog().find(topic_name);
  if (topic == nullptr || asked.partition_index < 0 ||
      asked.partition_index >= static_cast<int32_t>(topic->partition_count)) {
    result.error_code = KafkaError::unknown_topic_or_partition;
  } else if (is_internal_topic(topic_name)) {
    result.error_code = KafkaError::invalid_topic_exception;
  } else if (!topic->config.delete_policy) {
    result.error_code = KafkaError::policy_violation;
  } else {
    const PartitionKey key{topic->id, static_cast<uint32_t>(asked.partition_index)};
    const Result<PartitionOffsets> moved = co_await move_log_start(engine, key, asked.offset);
    if (moved.ok()) result.low_watermark = static_cast<int64_t>(moved.value().log_start.value);
    if (!moved.ok()) result.error_code = kafka_error_of(moved.error());
  }
  co_return result;
}

}  // namespace

Task<Result<Answer>> handle_delete_records(Request& request) {
  const Result<DeleteRecordsRequest> body = body_of<DeleteRecordsRequest>(request);
  if (!body.ok()) co_return body.error();
  DeleteRecordsResponse response;
  for (const DeleteRecordsRequest::Topic& topic : body.value().topics) {
    DeleteRecordsResponse::Topic results;
    results.name = topic.name;
    for (const DeleteRecordsRequest::Partition& partition : topic.partitions) {
      DeleteRecordsResponse::Partition result =
          co_await delete_records(request.server.engine(), topic.name, partition);
      results.partitions.push_back(result);
    }
    response.topics.push_back(std::move(results));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
