#include "net/kafka/messages/offset_delete.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

Task<Result<Answer>> handle_offset_delete(Request& request) {
  const Result<OffsetDeleteRequest> decoded = body_of<OffsetDeleteRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const OffsetDeleteRequest& body = decoded.value();
  std::vector<WantedOffsets> wanted;
  OffsetDeleteResponse response;
  for (const OffsetDeleteRequest::Topic& topic : body.topics) {
    const Topic* known = request.server.engine().catalog().find(topic.name);
    wanted.push_back({topic.name, {}});
    OffsetDeleteResponse::Topic& result = response.topics.emplace_back();
    result.name = topic.name;
    for (const int32_t index : topic.partition_indexes) {
      const bool exists =
          known != nullptr && index >= 0 && static_cast<uint32_t>(index) < known->partition_count;
      if (exists) wanted.back().partitions.push_back(index);
      result.partitions.push_back(
          {index, exists ? KafkaError::none : KafkaError::unknown_topic_or_partition});
    }
  }
  GroupCoordinator::ForgetAnswer forgotten;
  forgotten.error = KafkaError::invalid_group_id;
  if (!body.group_id.empty()) {
    forgotten = co_await request.server.groups().forget_offsets(body.group_id, wanted);
  }
  response.error_code = forgotten.error;
  if (forgotten.error != KafkaError::none) response.topics.clear();
  for (size_t i = 0; i < response.topics.size(); ++i) {
    for (OffsetDeleteResponse::Partition& partition : response.topics[i].partitions) {
      if (partition.error_code == KafkaError::none) partition.error_code = forgotten.topics[i];
    }
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
