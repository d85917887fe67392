// How consumer groups are coordinated. Names and defaults in comments are Kafka's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/kafka/groups/assignor.h"

namespace penstock::kafka {

struct GroupSettings {
  int32_t session_timeout_ms_min = 6'000;          // group.min.session.timeout.ms
  int32_t session_timeout_ms_max = 1'800'000;      // group.max.session.timeout.ms
  uint32_t initial_rebalance_delay_ms = 3'000;     // group.initial.rebalance.delay.ms
  uint32_t members_max = 10'000;                   // group.max.size, of one group (Kafka: no bound)
  uint32_t offsets_partition_count = 50;           // offsets.topic.num.partitions, when it is made
  uint64_t offsets_retention_minutes = 10'080;     // offsets.retention.minutes
  uint64_t retention_check_interval_ms = 600'000;  // offsets.retention.check.interval.ms
  uint32_t offset_metadata_bytes_max = 4'096;      // offset.metadata.max.bytes
  size_t memory_bytes_max = 256 << 20;             // of all groups of a reactor

  // group.coordinator.rebalance.protocols
  bool classic_protocol = true;
  bool consumer_protocol = true;

  int32_t consumer_session_timeout_ms = 45'000;    // group.consumer.session.timeout.ms
  int32_t consumer_heartbeat_interval_ms = 5'000;  // group.consumer.heartbeat.interval.ms
  uint32_t consumer_members_max =
      10'000;  // group.consumer.max.size, of one group (Kafka: no bound)
  // group.consumer.assignors; the first one is for groups that do not ask for one. Not empty.
  std::vector<Assignor> consumer_assignors = {Assignor::uniform, Assignor::range};
};

}  // namespace penstock::kafka
