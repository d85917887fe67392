// Which partition of `__consumer_offsets` keeps a group.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::kafka {

// Kafka's: the hash of Java's String, over UTF-16. `group_id` is UTF-8, `partition_count` at least 1.
uint32_t partition_of_group(std::string_view group_id, uint32_t partition_count);

}  // namespace penstock::kafka
