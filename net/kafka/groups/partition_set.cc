#include "net/kafka/groups/partition_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace penstock::kafka {

PartitionSet in_both(const PartitionSet& a, const PartitionSet& b) {
  PartitionSet result;
  for (const auto& [topic, partitions] : a) {
    const auto found = b.find(topic);
    if (found == b.end()) continue;
    std::vector<int32_t> both;
    std::ranges::set_intersection(partitions, found->second, std::back_inserter(both));
    if (!both.empty()) result.emplace(topic, std::move(both));
  }
  return result;
}

PartitionSet without(const PartitionSet& from, const PartitionSet& what) {
  PartitionSet result;
  for (const auto& [topic, partitions] : from) {
    const auto found = what.find(topic);
    std::vector<int32_t> rest;
    if (found == what.end()) {
      rest = partitions;
    } else {
      std::ranges::set_difference(partitions, found->second, std::back_inserter(rest));
    }
    if (!rest.empty()) result.emplace(topic, std::move(rest));
  }
  return result;
}

PartitionSet in_either(const PartitionSet& a, const PartitionSet& b) {
  PartitionSet result = a;
  for (const auto& [topic, partitions] : b) {
    std::vector<int32_t>& mine = result[topic];
    std::vector<int32_t> all;
    std::ranges::set_union(mine, partitions, std::back_inserter(all));
    mine = std::move(all);
  }
  return result;
}

bool includes(const PartitionSet& all, const PartitionSet& some) {
  return std::ranges::all_of(some, [&all](const auto& entry) {
    const auto found = all.find(entry.first);
    return found != all.end() && std::ranges::includes(found->second, entry.second);
  });
}

void add_partitions(PartitionSet& set, const TopicId& topic, std::vector<int32_t> partitions) {
  if (partitions.empty()) return;
  std::vector<int32_t>& all = set[topic];
  all.insert(all.end(), partitions.begin(), partitions.end());
  std::ranges::sort(all);
  const auto rest = std::ranges::unique(all);
  all.erase(rest.begin(), rest.end());
}

size_t count_of(const PartitionSet& set) {
  size_t count = 0;
  for (const auto& [topic, partitions] : set) count += partitions.size();
  return count;
}

size_t memory_bytes_of(const PartitionSet& set) {
  constexpr size_t kNodeBytes = 64;  // of a map's node, besides what it holds
  size_t bytes = 0;
  for (const auto& [topic, partitions] : set) {
    bytes += kNodeBytes + sizeof(PartitionSet::value_type) + partitions.size() * sizeof(int32_t);
  }
  return bytes;
}

}  // namespace penstock::kafka
