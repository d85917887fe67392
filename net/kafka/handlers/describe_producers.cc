#include "net/kafka/messages/describe_producers.h"

#include <set>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

using Response = DescribeProducersResponse;

// `asked`: each partition is told once, so that an answer is bounded by what there is, whatever the request repeats.
Task<Response::Partition> describe(Engine& engine, const Topic* topic, int32_t index,
                                   std::set<PartitionKey>& asked) {
  Response::Partition result;
  result.partition_index = index;
  if (topic == nullptr || index < 0 || static_cast<uint32_t>(index) >= topic->partition_count) {
    result.error_code = KafkaError::unknown_topic_or_partition;
    co_return result;
  }
  const PartitionKey key{topic->id, static_cast<uint32_t>(index)};
  if (!asked.insert(key).second) {
    result.error_code = KafkaError::invalid_request;
    result.error_message = "The partition is asked for twice.";
    co_return result;
  }
  const Result<PartitionProducers::States> producers = co_await engine.producers(key);
  if (!producers.ok()) {
    result.error_code = kafka_error_of(producers.error());
    co_return result;
  }
  for (const auto& [id, state] : producers.value()) {
    Response::Producer producer;
    producer.producer_id = id;
    producer.producer_epoch = state.epoch;
    producer.last_sequence = state.last_sequence;
    producer.last_timestamp_ms = state.last_append_time_ms;
    result.active_producers.push_back(producer);
  }
  co_return result;
}

}  // namespace

Task<Result<Answer>> handle_describe_producers(Request& request) {
  const Result<DescribeProducersRequest> decoded = body_of<DescribeProducersRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  Engine& engine = request.server.engine();
  std::set<PartitionKey> asked;
  Response response;
  for (const DescribeProducersRequest::Topic& wanted : decoded.value().topics) {
    Response::Topic results;
    results.name = wanted.name;
    for (const int32_t index : wanted.partition_indexes) {
      const Topic* topic = engine.catalog().find(wanted.name);  // it may have gone meanwhile
      results.partitions.push_back(co_await describe(engine, topic, index, asked));
    }
    response.topics.push_back(std::move(results));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
