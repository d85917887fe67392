#include "net/kafka/messages/offset_commit.h"

#include <algorithm>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kEpochVersionFirst = 9;
constexpr int64_t kRetentionMsMax = int64_t{1} << 50;  // for ever, and far from the end of time

KafkaError check_partition(const Request& request, std::string_view topic,
                           const OffsetCommitRequest::Partition& partition) {
  const Topic* known = request.server.engine().catalog().find(topic);
  if (known == nullptr || partition.index < 0 ||
      static_cast<uint32_t>(partition.index) >= known->partition_count) {
    return KafkaError::unknown_topic_or_partition;
  }
  const size_t metadata_bytes = partition.committed_metadata.value_or("").size();
  return metadata_bytes > request.server.groups().settings().offset_metadata_bytes_max
             ? KafkaError::offset_metadata_too_large
             : KafkaError::none;
}

}  // namespace

// Partitions that cannot be are refused by themselves; the others are committed together.
Task<Result<Answer>> handle_offset_commit(Request& request) {
  const Result<OffsetCommitRequest> decoded = body_of<OffsetCommitRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const OffsetCommitRequest& body = decoded.value();
  GroupCoordinator::Commit commit;
  commit.identity = {body.member_id, body.group_instance_id};
  commit.generation = body.generation_id;
  commit.by_epoch = request.header.api_version >= kEpochVersionFirst;
  commit.retention_ms = std::clamp<int64_t>(body.retention_time_ms, -1, kRetentionMsMax);
  OffsetCommitResponse response;
  for (const OffsetCommitRequest::Topic& topic : body.topics) {
    OffsetCommitResponse::Topic result;
    result.name = topic.name;
    for (const OffsetCommitRequest::Partition& partition : topic.partitions) {
      const KafkaError error = check_partition(request, topic.name, partition);
      result.partitions.push_back({partition.index, error});
      if (error != KafkaError::none) continue;
      commit.offsets.push_back({topic.name, partition.index, partition.committed_offset,
                                partition.committed_leader_epoch,
                                partition.committed_metadata.value_or("")});
    }
    response.topics.push_back(std::move(result));
  }
  KafkaError committed = KafkaError::invalid_group_id;
  if (!body.group_id.empty()) {
    committed = co_await request.server.groups().commit(body.group_id, commit);
  }
  for (OffsetCommitResponse::Topic& topic : response.topics) {
    for (OffsetCommitResponse::Partition& partition : topic.partitions) {
      if (partition.error_code == KafkaError::none) partition.error_code = committed;
    }
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
