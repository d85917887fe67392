#include "net/kafka/groups/group_offsets.h"

#include <utility>

namespace penstock::kafka {
namespace {

constexpr size_t kNodeBytes = 64;  // of a map's node, besides what it holds

size_t bytes_of(const CommittedOffset& committed) {
  return sizeof(GroupOffsets::Partitions::value_type) + kNodeBytes + committed.metadata.size();
}

size_t bytes_of(std::string_view topic) {
  return sizeof(GroupOffsets::Topics::value_type) + kNodeBytes + topic.size();
}

}  // namespace

void GroupOffsets::set(std::string_view topic, int32_t partition, CommittedOffset committed) {
  auto found = topics_.find(topic);
  if (found == topics_.end()) {
    found = topics_.emplace(topic, Partitions()).first;
    memory_bytes_ += bytes_of(topic);
  }
  const auto [at, added] = found->second.try_emplace(partition);
  if (!added) {
    if (at->second.log_offset > committed.log_offset) return;
    memory_bytes_ -= bytes_of(at->second);
  }
  at->second = std::move(committed);
  memory_bytes_ += bytes_of(at->second);
}

void GroupOffsets::erase(std::string_view topic, int32_t partition, uint64_t log_offset) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return;
  const auto at = found->second.find(partition);
  if (at == found->second.end() || at->second.log_offset > log_offset) return;
  memory_bytes_ -= bytes_of(at->second);
  found->second.erase(at);
  if (!found->second.empty()) return;
  memory_bytes_ -= bytes_of(topic);
  topics_.erase(found);
}

const CommittedOffset* GroupOffsets::find(std::string_view topic, int32_t partition) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return nullptr;
  const auto at = found->second.find(partition);
  return at == found->second.end() ? nullptr : &at->second;
}

}  // namespace penstock::kafka
