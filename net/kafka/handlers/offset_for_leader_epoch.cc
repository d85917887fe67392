#include "net/kafka/messages/offset_for_leader_epoch.h"

#include <algorithm>

#include "net/kafka/handlers.h"
#include "net/kafka/leader_epoch.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

Task<OffsetForLeaderEpochResponse::Partition> find_end(
    Engine& engine, const Topic* topic, OffsetForLeaderEpochRequest::Partition wanted) {
  OffsetForLeaderEpochResponse::Partition result;
  result.index = wanted.index;
  result.error_code = KafkaError::unknown_topic_or_partition;
  if (topic == nullptr || wanted.index < 0) co_return result;
  const PartitionKey key{topic->id, static_cast<uint32_t>(wanted.index)};
  const Result<EpochEndAndOffsets> found =
      co_await engine.end_of_epoch(key, LeaderEpoch{wanted.leader_epoch});
  if (!found.ok()) {
    result.error_code = kafka_error_of(found.error());
    co_return result;
  }
  const PartitionOffsets& offsets = found.value().offsets;
  result.error_code = check_leader_epoch(wanted.current_leader_epoch, offsets.leader_epoch);
  if (result.error_code != KafkaError::none || !found.value().end) co_return result;
  result.leader_epoch = found.value().end->epoch.value;
  // A reader must not be sent to where it cannot read.
  const Offset end = std::min(found.value().end->end_offset, offsets.high_watermark);
  result.end_offset = static_cast<int64_t>(end.value);
  co_return result;
}

}  // namespace

Task<Result<Answer>> handle_offset_for_leader_epoch(Request& request) {
  const auto body = body_of<OffsetForLeaderEpochRequest>(request);
  if (!body.ok()) co_return body.error();
  Engine& engine = request.server.engine();
  OffsetForLeaderEpochResponse response;
  for (const OffsetForLeaderEpochRequest::Topic& wanted : body.value().topics) {
    OffsetForLeaderEpochResponse::Topic topic;
    topic.name = wanted.name;
    for (const OffsetForLeaderEpochRequest::Partition& partition : wanted.partitions) {
      const Topic* known = engine.catalog().find(wanted.name);
      const auto found = co_await find_end(engine, known, partition);
      topic.partitions.push_back(found);
    }
    response.topics.push_back(std::move(topic));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
