#include "net/kafka/messages/offset_fetch.h"

#include <deque>
#include <memory>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kTopLevelErrorVersionFirst = 2;
constexpr int16_t kManyGroupsVersionFirst = 8;

// What an answer refers to.
using Kept = std::deque<GroupCoordinator::OffsetsAnswer>;

OffsetFetchResponse::Partition describe(int32_t index, const CommittedOffset& committed) {
  OffsetFetchResponse::Partition result;
  result.index = index;
  result.committed_offset = committed.offset;
  result.committed_leader_epoch = committed.leader_epoch;
  result.metadata = committed.metadata;
  return result;
}

std::vector<OffsetFetchResponse::Topic> describe(const GroupCoordinator::OffsetsAnswer& found) {
  std::vector<OffsetFetchResponse::Topic> topics;
  for (const FoundOffsets& topic : found.topics) {
    OffsetFetchResponse::Topic result;
    result.name = topic.topic;
    for (const auto& [index, committed] : topic.partitions) {
      result.partitions.push_back(describe(index, committed));
    }
    topics.push_back(std::move(result));
  }
  return topics;
}

// The asked partitions, all with the same answer.
std::vector<OffsetFetchResponse::Topic> describe_none(
    const std::optional<std::vector<OffsetFetchRequest::Topic>>& asked, KafkaError error) {
  std::vector<OffsetFetchResponse::Topic> topics;
  if (!asked) return topics;
  for (const OffsetFetchRequest::Topic& topic : *asked) {
    OffsetFetchResponse::Topic result;
    result.name = topic.name;
    for (const int32_t index : topic.partition_indexes) {
      OffsetFetchResponse::Partition partition = describe(index, CommittedOffset());
      partition.metadata = "";
      partition.error_code = error;
      result.partitions.push_back(partition);
    }
    topics.push_back(std::move(result));
  }
  return topics;
}

Task<OffsetFetchResponse::Group> find_group(
    Request& request, std::string_view group_id, GroupCoordinator::OffsetsReader reader,
    const std::optional<std::vector<OffsetFetchRequest::Topic>>& asked, Kept& kept) {
  OffsetFetchResponse::Group group;
  group.group_id = group_id;
  if (group_id.empty()) {
    group.error_code = KafkaError::invalid_group_id;
    co_return group;
  }
  std::vector<WantedOffsets> wanted;
  if (asked) {
    for (const OffsetFetchRequest::Topic& topic : *asked) {
      wanted.push_back({topic.name, topic.partition_indexes});
    }
  }
  kept.push_back(
      co_await request.server.groups().find_offsets(group_id, reader, asked ? &wanted : nullptr));
  group.error_code = kept.back().error;
  group.topics = describe(kept.back());
  co_return group;
}

}  // namespace

Task<Result<Answer>> handle_offset_fetch(Request& request) {
  const Result<OffsetFetchRequest> decoded = body_of<OffsetFetchRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const OffsetFetchRequest& body = decoded.value();
  const auto kept = std::make_shared<Kept>();
  OffsetFetchResponse response;
  if (request.header.api_version >= kManyGroupsVersionFirst) {
    for (const OffsetFetchRequest::Group& asked : body.groups) {
      OffsetFetchResponse::Group group = co_await find_group(
          request, asked.group_id, {asked.member_id, asked.member_epoch}, asked.topics, *kept);
      response.groups.push_back(std::move(group));
    }
  } else {
    OffsetFetchResponse::Group group =
        co_await find_group(request, body.group_id, {}, body.topics, *kept);
    response.error_code = group.error_code;
    response.topics = std::move(group.topics);
    // Before there was a place for the group's error, every partition told it.
    if (group.error_code != KafkaError::none &&
        request.header.api_version < kTopLevelErrorVersionFirst) {
      response.topics = describe_none(body.topics, group.error_code);
    }
  }
  Result<Answer> answer = answer_with(request, response);
  if (answer.ok()) answer.value().kept_value = kept;
  co_return answer;
}

}  // namespace penstock::kafka
