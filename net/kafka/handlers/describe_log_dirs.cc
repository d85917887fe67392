#include "net/kafka/messages/describe_log_dirs.h"

#include <algorithm>
#include <map>
#include <set>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

// Which partitions are asked for; nothing: all.
using Wanted = std::optional<std::map<std::string_view, std::set<int32_t>>>;

Wanted wanted_by(const DescribeLogDirsRequest& request) {
  if (!request.topics) return std::nullopt;
  Wanted wanted(std::in_place);
  for (const DescribeLogDirsRequest::Topic& topic : *request.topics) {
    (*wanted)[topic.topic].insert(topic.partitions.begin(), topic.partitions.end());
  }
  return wanted;
}

bool lies_anywhere(const std::vector<DirectoryUsage>& usage, const PartitionKey& key) {
  return std::ranges::any_of(
      usage, [&](const DirectoryUsage& directory) { return directory.partitions.contains(key); });
}

// Sizes by directory and partition. What has no records yet lies nowhere; it is told as empty where the catalog is.
std::vector<DescribeLogDirsResponse::Topic> topics_in(const CatalogSnapshot& catalog,
                                                      const Wanted& wanted,
                                                      const std::vector<DirectoryUsage>& usage,
                                                      size_t directory) {
  std::vector<DescribeLogDirsResponse::Topic> topics;
  for (const auto& [name, topic] : catalog.topics()) {
    if (wanted && !wanted->contains(name)) continue;
    DescribeLogDirsResponse::Topic described{name, {}};
    for (uint32_t index = 0; index < topic->partition_count; ++index) {
      const auto number = static_cast<int32_t>(index);
      if (wanted && !wanted->at(name).contains(number)) continue;
      const PartitionKey key{topic->id, index};
      const auto found = usage[directory].partitions.find(key);
      int64_t size_bytes = 0;
      if (found != usage[directory].partitions.end()) {
        size_bytes = static_cast<int64_t>(found->second);
      } else if (!usage[directory].primary || lies_anywhere(usage, key)) {
        continue;
      }
      described.partitions.push_back({number, size_bytes, 0, false});
    }
    if (!described.partitions.empty()) topics.push_back(std::move(described));
  }
  return topics;
}

}  // namespace

Task<Result<Answer>> handle_describe_log_dirs(Request& request) {
  const Result<DescribeLogDirsRequest> body = body_of<DescribeLogDirsRequest>(request);
  if (!body.ok()) co_return body.error();
  Engine& engine = request.server.engine();
  const std::vector<DirectoryUsage> usage = co_await engine.directory_usage();
  const std::shared_ptr<const CatalogSnapshot> catalog = engine.catalog_pointer();
  const Wanted wanted = wanted_by(body.value());
  DescribeLogDirsResponse response;
  for (size_t i = 0; i < usage.size(); ++i) {
    DescribeLogDirsResponse::Result result;
    result.log_dir = usage[i].path;
    if (usage[i].failed) {
      result.error_code = KafkaError::kafka_storage_error;
    } else {
      result.topics = topics_in(*catalog, wanted, usage, i);
      result.usable_bytes = usage[i].free_bytes;
    }
    response.results.push_back(std::move(result));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
