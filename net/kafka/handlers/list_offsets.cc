#include "net/kafka/messages/list_offsets.h"

#include "net/kafka/handlers.h"
#include "net/kafka/leader_epoch.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

Task<ListOffsetsResponse::Partition> find_offset(Engine& engine, const Topic* topic,
                                                 ListOffsetsRequest::Partition wanted) {
  ListOffsetsResponse::Partition result;
  result.index = wanted.index;
  result.error_code = KafkaError::unknown_topic_or_partition;
  if (topic == nullptr || wanted.index < 0) co_return result;
  const PartitionKey key{topic->id, static_cast<uint32_t>(wanted.index)};
  const Result<PartitionOffsets> offsets = co_await engine.offsets(key);
  result.error_code =
      offsets.ok() ? check_leader_epoch(wanted.current_leader_epoch, offsets.value().leader_epoch)
                   : kafka_error_of(offsets.error());
  if (result.error_code != KafkaError::none) co_return result;
  result.leader_epoch = offsets.value().leader_epoch.value;
  switch (wanted.timestamp_ms) {
    case ListOffsetsRequest::kLatest:
      result.offset = static_cast<int64_t>(offsets.value().high_watermark.value);
      co_return result;
    case ListOffsetsRequest::kEarliest:
      result.offset = static_cast<int64_t>(offsets.value().log_start.value);
      co_return result;
    default: break;
  }
  if (wanted.timestamp_ms < ListOffsetsRequest::kMaxTimestamp) {
    result.error_code = KafkaError::invalid_request;
    co_return result;
  }
  using Found = Result<std::optional<OffsetAndTimestamp>>;
  Found found = Error::closed;
  if (wanted.timestamp_ms == ListOffsetsRequest::kMaxTimestamp) {
    found = co_await engine.find_max_timestamp(key);
  } else {
    found = co_await engine.find_timestamp(key, wanted.timestamp_ms);
  }
  if (!found.ok()) {
    result.error_code = kafka_error_of(found.error());
  } else if (found.value()) {
    result.offset = static_cast<int64_t>(found.value()->offset.value);
    result.timestamp_ms = found.value()->timestamp_ms;
    result.leader_epoch = found.value()->leader_epoch.value;
  }
  co_return result;
}

}  // namespace

Task<Result<Answer>> handle_list_offsets(Request& request) {
  const Result<ListOffsetsRequest> body = body_of<ListOffsetsRequest>(request);
  if (!body.ok()) co_return body.error();
  Engine& engine = request.server.engine();
  ListOffsetsResponse response;
  for (const ListOffsetsRequest::Topic& wanted : body.value().topics) {
    ListOffsetsResponse::Topic topic;
    topic.name = wanted.name;
    for (const ListOffsetsRequest::Partition& partition : wanted.partitions) {
      const Topic* known = engine.catalog().find(wanted.name);
      const ListOffsetsResponse::Partition found = co_await find_offset(engine, known, partition);
      topic.partitions.push_back(found);
    }
    response.topics.push_back(std::move(topic));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
