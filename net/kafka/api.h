// Which requests exist, and in which versions: one `Api` per file in `messages/`, collected in one table.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace penstock::kafka {

// As on the wire; a received one may have any value.
enum class ApiKey : int16_t {
  produce = 0,
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  offset_commit = 8,
  offset_fetch = 9,
  find_coordinator = 10,
  join_group = 11,
  heartbeat = 12,
  leave_group = 13,
  sync_group = 14,
  describe_groups = 15,
  list_groups = 16,
  api_versions = 18,
  create_topics = 19,
  delete_topics = 20,
  delete_records = 21,
  init_producer_id = 22,
  offset_for_leader_epoch = 23,
  describe_configs = 32,
  alter_configs = 33,
  describe_log_dirs = 35,
  create_partitions = 37,
  delete_groups = 42,
  elect_leaders = 43,
  incremental_alter_configs = 44,
  alter_partition_reassignments = 45,
  list_partition_reassignments = 46,
  offset_delete = 47,
  describe_client_quotas = 48,
  alter_client_quotas = 49,
  describe_cluster = 60,
  describe_producers = 61,
  consumer_group_heartbeat = 68,
  consumer_group_describe = 69,
  describe_topic_partitions = 75,
};

struct VersionRange {
  int16_t first = 0;
  int16_t last = 0;
  constexpr bool contains(int16_t version) const { return version >= first && version <= last; }
};

struct Api {
  static constexpr int16_t kNeverFlexible = std::numeric_limits<int16_t>::max();

  ApiKey key;
  VersionRange advertised;  // what ApiVersions tells
  VersionRange served;      // what there are layouts for
  int16_t flexible_since;

  constexpr bool flexible(int16_t version) const { return version >= flexible_since; }
  constexpr int16_t request_header_version(int16_t version) const {
    return flexible(version) ? 2 : 1;
  }
  // A client that asks for versions cannot know yet what the answer's header looks like.
  constexpr int16_t response_header_version(int16_t version) const {
    return flexible(version) && key != ApiKey::api_versions ? 1 : 0;
  }
};

// As Kafka's documentation has it; "Unknown" for a key it does not.
const char* name_of(ApiKey key);

// All of them, by ascending key.
std::span<const Api> api_table();
// Null if there is none.
const Api* find_api(ApiKey key);

// What to do with a request of this key and version. Kafka has no general way to say "not this version".
enum class Admission : uint8_t {
  serve,
  answer_unsupported,  // ApiVersions of a version to come: answer UNSUPPORTED_VERSION in the layout of version 0
  close,               // end the connection, as Kafka does
};
Admission admission_of(ApiKey key, int16_t version);

}  // namespace penstock::kafka
