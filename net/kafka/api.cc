#include "net/kafka/api.h"

#include <algorithm>
#include <array>

#include "net/kafka/messages/alter_client_quotas.h"
#include "net/kafka/messages/alter_configs.h"
#include "net/kafka/messages/alter_partition_reassignments.h"
#include "net/kafka/messages/api_versions.h"
#include "net/kafka/messages/consumer_group_describe.h"
#include "net/kafka/messages/consumer_group_heartbeat.h"
#include "net/kafka/messages/create_partitions.h"
#include "net/kafka/messages/create_topics.h"
#include "net/kafka/messages/delete_groups.h"
#include "net/kafka/messages/delete_records.h"
#include "net/kafka/messages/delete_topics.h"
#include "net/kafka/messages/describe_client_quotas.h"
#include "net/kafka/messages/describe_cluster.h"
#include "net/kafka/messages/describe_configs.h"
#include "net/kafka/messages/describe_groups.h"
#include "net/kafka/messages/describe_log_dirs.h"
#include "net/kafka/messages/describe_producers.h"
#include "net/kafka/messages/describe_topic_partitions.h"
#include "net/kafka/messages/elect_leaders.h"
#include "net/kafka/messages/fetch.h"
#include "net/kafka/messages/find_coordinator.h"
#include "net/kafka/messages/heartbeat.h"
#include "net/kafka/messages/incremental_alter_configs.h"
#include "net/kafka/messages/init_producer_id.h"
#include "net/kafka/messages/join_group.h"
#include "net/kafka/messages/leave_group.h"
#include "net/kafka/messages/list_groups.h"
#include "net/kafka/messages/list_offsets.h"
#include "net/kafka/messages/list_partition_reassignments.h"
#include "net/kafka/messages/metadata.h"
#include "net/kafka/messages/offset_commit.h"
#include "net/kafka/messages/offset_delete.h"
#include "net/kafka/messages/offset_fetch.h"
#include "net/kafka/messages/offset_for_leader_epoch.h"
#include "net/kafka/messages/produce.h"
#include "net/kafka/messages/sync_group.h"

namespace penstock::kafka {

namespace {

constexpr std::array kTable = {
    kProduceApi,
    kFetchApi,
    kListOffsetsApi,
    kMetadataApi,
    kOffsetCommitApi,
    kOffsetFetchApi,
    kFindCoordinatorApi,
    kJoinGroupApi,
    kHeartbeatApi,
    kLeaveGroupApi,
    kSyncGroupApi,
    kDescribeGroupsApi,
    kListGroupsApi,
    kApiVersionsApi,
    kCreateTopicsApi,
    kDeleteTopicsApi,
    kDeleteRecordsApi,
    kInitProducerIdApi,
    kOffsetForLeaderEpochApi,
    kDescribeConfigsApi,
    kAlterConfigsApi,
    kDescribeLogDirsApi,
    kCreatePartitionsApi,
    kDeleteGroupsApi,
    kElectLeadersApi,
    kIncrementalAlterConfigsApi,
    kAlterPartitionReassignmentsApi,
    kListPartitionReassignmentsApi,
    kOffsetDeleteApi,
    kDescribeClientQuotasApi,
    kAlterClientQuotasApi,
    kDescribeClusterApi,
    kDescribeProducersApi,
    kConsumerGroupHeartbeatApi,
    kConsumerGroupDescribeApi,
    kDescribeTopicPartitionsApi,
};

// By key, also those that are not served.
constexpr std::array kNames = {"Produce",
                               "Fetch",
                               "ListOffsets",
                               "Metadata",
                               "LeaderAndIsr",
                               "StopReplica",
                               "UpdateMetadata",
                               "ControlledShutdown",
                               "OffsetCommit",
                               "OffsetFetch",
                               "FindCoordinator",
                               "JoinGroup",
                               "Heartbeat",
                               "LeaveGroup",
                               "SyncGroup",
                               "DescribeGroups",
                               "ListGroups",
                               "SaslHandshake",
                               "ApiVersions",
                               "CreateTopics",
                               "DeleteTopics",
                               "DeleteRecords",
                               "InitProducerId",
                               "OffsetForLeaderEpoch",
                               "AddPartitionsToTxn",
                               "AddOffsetsToTxn",
                               "EndTxn",
                               "WriteTxnMarkers",
                               "TxnOffsetCommit",
                               "DescribeAcls",
                               "CreateAcls",
                               "DeleteAcls",
                               "DescribeConfigs",
                               "AlterConfigs",
                               "AlterReplicaLogDirs",
                               "DescribeLogDirs",
                               "SaslAuthenticate",
                               "CreatePartitions",
                               "CreateDelegationToken",
                               "RenewDelegationToken",
                               "ExpireDelegationToken",
                               "DescribeDelegationToken",
                               "DeleteGroups",
                               "ElectLeaders",
                               "IncrementalAlterConfigs",
                               "AlterPartitionReassignments",
                               "ListPartitionReassignments",
                               "OffsetDelete",
                               "DescribeClientQuotas",
                               "AlterClientQuotas",
                               "DescribeUserScramCredentials",
                               "AlterUserScramCredentials",
                               "Vote",
                               "BeginQuorumEpoch",
                               "EndQuorumEpoch",
                               "DescribeQuorum",
                               "AlterPartition",
                               "UpdateFeatures",
                               "Envelope",
                               "FetchSnapshot",
                               "DescribeCluster",
                               "DescribeProducers",
                               "BrokerRegistration",
                               "BrokerHeartbeat",
                               "UnregisterBroker",
                               "DescribeTransactions",
                               "ListTransactions",
                               "AllocateProducerIds",
                               "ConsumerGroupHeartbeat",
                               "ConsumerGroupDescribe",
                               "ControllerRegistration",
                               "GetTelemetrySubscriptions",
                               "PushTelemetry",
                               "AssignReplicasToDirs",
                               "ListClientMetricsResources",
                               "DescribeTopicPartitions"};

constexpr bool key_less(const Api& api, ApiKey key) { return api.key < key; }

static_assert(std::is_sorted(kTable.begin(), kTable.end(),
                             [](const Api& a, const Api& b) { return a.key < b.key; }));

}  // namespace

const char* name_of(ApiKey key) {
  const auto index = static_cast<size_t>(key);
  return index < kNames.size() ? kNames[index] : "Unknown";
}

std::span<const Api> api_table() { return kTable; }

const Api* find_api(ApiKey key) {
  const auto found = std::lower_bound(kTable.begin(), kTable.end(), key, key_less);
  return found != kTable.end() && found->key == key ? &*found : nullptr;
}

Admission admission_of(ApiKey key, int16_t version) {
  const Api* api = find_api(key);
  if (api != nullptr && api->served.contains(version)) return Admission::serve;
  const bool newer = api != nullptr && version > api->served.last;
  return key == ApiKey::api_versions && newer ? Admission::answer_unsupported : Admission::close;
}

}  // namespace penstock::kafka
