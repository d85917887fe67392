#include "net/kafka/api_text.h"

#include <algorithm>
#include <array>

namespace penstock::kafka {
namespace {

constexpr std::array kTexts = {
    ApiText{ApiKey::produce, "Produce",
            "acks 0, 1 and all; 0 to 2 are advertised because librdkafka picks its codecs by them, "
            "and are not served"},
    ApiText{ApiKey::fetch, "Fetch", "waits for min_bytes; sessions; by topic id since version 13"},
    ApiText{ApiKey::list_offsets, "ListOffsets",
            "earliest, latest, by time to the record, of the largest time; nothing is tiered"},
    ApiText{ApiKey::metadata, "Metadata",
            "creates topics where auto.create.topics.enable is set; by topic id since version 12"},
    ApiText{ApiKey::offset_commit, "OffsetCommit", ""},
    ApiText{ApiKey::offset_fetch, "OffsetFetch", ""},
    ApiText{ApiKey::find_coordinator, "FindCoordinator", "of groups; there are no transactions"},
    ApiText{ApiKey::join_group, "JoinGroup", "static members too"},
    ApiText{ApiKey::heartbeat, "Heartbeat", ""},
    ApiText{ApiKey::leave_group, "LeaveGroup", ""},
    ApiText{ApiKey::sync_group, "SyncGroup", ""},
    ApiText{ApiKey::describe_groups, "DescribeGroups", ""},
    ApiText{ApiKey::list_groups, "ListGroups", ""},
    ApiText{ApiKey::api_versions, "ApiVersions", "tells group.version 1"},
    ApiText{ApiKey::create_topics, "CreateTopics", "one replica, on the one broker"},
    ApiText{ApiKey::delete_topics, "DeleteTopics", ""},
    ApiText{ApiKey::init_producer_id, "InitProducerId",
            "without a transactional id; one is answered with UNSUPPORTED_VERSION"},
    ApiText{ApiKey::delete_records, "DeleteRecords", "not where cleanup.policy lacks delete"},
    ApiText{ApiKey::offset_for_leader_epoch, "OffsetForLeaderEpoch", ""},
    ApiText{ApiKey::describe_configs, "DescribeConfigs",
            "of topics and brokers; there are no loggers"},
    ApiText{ApiKey::alter_configs, "AlterConfigs", "as IncrementalAlterConfigs"},
    ApiText{ApiKey::describe_log_dirs, "DescribeLogDirs", "without the total size of a disk"},
    ApiText{ApiKey::create_partitions, "CreatePartitions", ""},
    ApiText{ApiKey::delete_groups, "DeleteGroups", ""},
    ApiText{ApiKey::elect_leaders, "ElectLeaders", "never needed: there is one replica"},
    ApiText{ApiKey::incremental_alter_configs, "IncrementalAlterConfigs",
            "of topics; of a broker or of all, what topics have by default"},
    ApiText{ApiKey::alter_partition_reassignments, "AlterPartitionReassignments",
            "checked; there is nowhere to move a replica"},
    ApiText{ApiKey::list_partition_reassignments, "ListPartitionReassignments", "none"},
    ApiText{ApiKey::offset_delete, "OffsetDelete", ""},
    ApiText{ApiKey::describe_client_quotas, "DescribeClientQuotas", ""},
    ApiText{ApiKey::alter_client_quotas, "AlterClientQuotas",
            "producer_byte_rate and consumer_byte_rate, by user (all are ANONYMOUS) and client-id"},
    ApiText{ApiKey::describe_producers, "DescribeProducers", ""},
    ApiText{ApiKey::describe_cluster, "DescribeCluster", ""},
    ApiText{ApiKey::describe_topic_partitions, "DescribeTopicPartitions", "2,000 at a time"},
    ApiText{ApiKey::consumer_group_heartbeat, "ConsumerGroupHeartbeat",
            "assignors uniform and range; regular expressions in RE2's syntax"},
    ApiText{ApiKey::consumer_group_describe, "ConsumerGroupDescribe", ""},
};

}  // namespace

const ApiText* find_text(ApiKey key) {
  const auto found = std::ranges::find(kTexts, key, &ApiText::key);
  return found != kTexts.end() ? &*found : nullptr;
}

}  // namespace penstock::kafka
