// Some partitions of some topics, and what is done with two such sets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "engine/types.h"

namespace penstock::kafka {

// Each topic's partitions in ascending order, none twice; no topic without any.
using PartitionSet = std::map<TopicId, std::vector<int32_t>>;

PartitionSet in_both(const PartitionSet& a, const PartitionSet& b);
PartitionSet without(const PartitionSet& from, const PartitionSet& what);
PartitionSet in_either(const PartitionSet& a, const PartitionSet& b);
bool includes(const PartitionSet& all, const PartitionSet& some);

// Of partitions in any order, some of them perhaps twice.
void add_partitions(PartitionSet& set, const TopicId& topic, std::vector<int32_t> partitions);

size_t count_of(const PartitionSet& set);
size_t memory_bytes_of(const PartitionSet& set);

}  // namespace penstock::kafka
