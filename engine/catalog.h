// The catalog's records: one per change, in a partition of the engine's own that no client sees.
//
// Each is the payload of one opaque frame, or follows another in one read: u32 body bytes, then the body, little-endian:
// u8 type; topic id (high, low), zeros where no topic is meant; then by type:
//
//   1  topic created       name, u32 partition count, entries
//   2  topic deleted
//   3  topic configured    entries: all it has from now on
//   4  partitions created  u32 partition count: more than it had
//   5  node configured     scope ("": all nodes, else a node's id), entries: all it has from now on
//   6  quota set           u8 whose (1: has a user, 2: has a client id), user, client id, f64 producer and consumer byte
//                          rate: all it has from now on
//  16  ids reserved        i64: so many producer ids are taken, from 0 on
//
// Entries are a u32 count, and name and value of each. Strings are a u32 length and bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/topic.h"
#include "io/result.h"

namespace penstock {

// Where they are kept.
inline constexpr PartitionKey kCatalogPartition{{0, 0}, 0};

std::vector<std::byte> encode_topic_created(const Topic& topic);
std::vector<std::byte> encode_topic_deleted(const TopicId& id);
std::vector<std::byte> encode_topic_configured(const Topic& topic);
std::vector<std::byte> encode_partitions_created(const Topic& topic);
std::vector<std::byte> encode_node_configured(const std::string& scope,
                                              const TopicConfig::Entries& entries);
std::vector<std::byte> encode_producer_ids_reserved(int64_t count);
std::vector<std::byte> encode_quota_set(const QuotaEntity& entity, const QuotaLimits& limits);

// Applies the records in `bytes`, whole ones back to back, to `snapshot`; what a topic's entries leave open is as in
// `defaults`. Error::corrupt or unsupported.
Result<void> apply_catalog_records(std::span<const std::byte> bytes, const TopicConfig& defaults,
                                   CatalogSnapshot& snapshot);

}  // namespace penstock
