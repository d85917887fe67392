#include "net/kafka/messages/list_offsets.h"

#include <set>
#include <string_view>
#include <utility>

#include "net/kafka/handlers.h"
#include "net/kafka/leader_epoch.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

using Wanted = ListOffsetsRequest::Partition;
using Found = ListOffsetsResponse::Partition;

// Timestamps below zero are names of places, and each has a version that it came with.
bool is_known_place(int64_t timestamp_ms, int16_t version) {
  switch (timestamp_ms) {
    case ListOffsetsRequest::kLatest:
    case ListOffsetsRequest::kEarliest: return true;
    case ListOffsetsRequest::kMaxTimestamp: return version >= 7;
    case ListOffsetsRequest::kEarliestLocal: return version >= 8;
    case ListOffsetsRequest::kLatestTiered: return version >= 9;
    default: return timestamp_ms >= 0;
  }
}

void fill(Offset offset, LeaderEpoch epoch, Found& result) {
  result.offset = static_cast<int64_t>(offset.value);
  result.leader_epoch = epoch.value;
}

Task<void> find_by_time(Engine& engine, PartitionKey key, int64_t timestamp_ms, Found& result) {
  Result<std::optional<OffsetAndTimestamp>> found = Error::closed;
  if (timestamp_ms == ListOffsetsRequest::kMaxTimestamp) {
    found = co_await engine.find_max_timestamp(key);
  } else {
    found = co_await engine.find_timestamp(key, timestamp_ms);
  }
  if (!found.ok()) {
    result.error_code = kafka_error_of(found.error());
  } else if (found.value()) {
    fill(found.value()->offset, found.value()->leader_epoch, result);
    result.timestamp_ms = found.value()->timestamp_ms;
  }
}

// Whatever the isolation level: without transactions the last stable offset is the high watermark.
Task<Found> find_offset(Engine& engine, const Topic* topic, Wanted wanted, int16_t version) {
  Found result;
  result.index = wanted.index;
  result.error_code = KafkaError::unknown_topic_or_partition;
  if (topic == nullptr || wanted.index < 0) co_return result;
  const PartitionKey key{topic->id, static_cast<uint32_t>(wanted.index)};
  const Result<PartitionOffsets> offsets = co_await engine.offsets(key);
  result.error_code =
      offsets.ok() ? check_leader_epoch(wanted.current_leader_epoch, offsets.value().leader_epoch)
                   : kafka_error_of(offsets.error());
  if (result.error_code != KafkaError::none) co_return result;
  if (!is_known_place(wanted.timestamp_ms, version)) {
    result.error_code = KafkaError::unsupported_version;
    co_return result;
  }
  switch (wanted.timestamp_ms) {
    case ListOffsetsRequest::kLatest:
      fill(offsets.value().high_watermark, offsets.value().leader_epoch, result);
      break;
    case ListOffsetsRequest::kEarliest:
    case ListOffsetsRequest::kEarliestLocal:  // all there is is here
      fill(offsets.value().log_start, offsets.value().log_start_epoch, result);
      break;
    case ListOffsetsRequest::kLatestTiered: break;  // nothing is elsewhere
    default: co_await find_by_time(engine, key, wanted.timestamp_ms, result);
  }
  co_return result;
}

// The partitions that are asked for more than once: Kafka refuses these.
using Place = std::pair<std::string_view, int32_t>;
std::set<Place> find_repeated(const ListOffsetsRequest& body) {
  std::set<Place> seen;
  std::set<Place> repeated;
  for (const ListOffsetsRequest::Topic& topic : body.topics) {
    for (const Wanted& wanted : topic.partitions) {
      const Place place(topic.name, wanted.index);
      if (!seen.insert(place).second) repeated.insert(place);
    }
  }
  return repeated;
}

}  // namespace

Task<Result<Answer>> handle_list_offsets(Request& request) {
  const Result<ListOffsetsRequest> body = body_of<ListOffsetsRequest>(request);
  if (!body.ok()) co_return body.error();
  Engine& engine = request.server.engine();
  const int16_t version = request.header.api_version;
  const std::set<Place> repeated = find_repeated(body.value());
  ListOffsetsResponse response;
  for (const ListOffsetsRequest::Topic& wanted : body.value().topics) {
    ListOffsetsResponse::Topic topic;
    topic.name = wanted.name;
    for (const Wanted& partition : wanted.partitions) {
      if (repeated.contains(Place(wanted.name, partition.index))) {
        topic.partitions.push_back(
            {.index = partition.index, .error_code = KafkaError::invalid_request});
        continue;
      }
      const Topic* known = engine.catalog().find(wanted.name);
      const Found found = co_await find_offset(engine, known, partition, version);
      topic.partitions.push_back(found);
    }
    response.topics.push_back(std::move(topic));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
