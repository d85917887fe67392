// Every message there is, for tests that hold for all of them.
#pragma once

#include <type_traits>

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

namespace penstock::test {

template <class... Messages, class Visit>
void for_each_of(Visit&& visit) {
  (visit(std::type_identity<Messages>()), ...);
}

// Calls visit(std::type_identity<M>()) for every request M.
template <class Visit>
void for_each_request(Visit&& visit) {
  using namespace kafka;
  for_each_of<ProduceRequest, FetchRequest, ListOffsetsRequest, MetadataRequest,
              FindCoordinatorRequest, ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
              OffsetCommitRequest, OffsetFetchRequest, JoinGroupRequest, HeartbeatRequest,
              LeaveGroupRequest, SyncGroupRequest, DescribeGroupsRequest, ListGroupsRequest,
              DeleteGroupsRequest, OffsetDeleteRequest, OffsetForLeaderEpochRequest,
              InitProducerIdRequest, DescribeProducersRequest, DeleteRecordsRequest,
              DescribeConfigsRequest, AlterConfigsRequest, DescribeLogDirsRequest,
              CreatePartitionsRequest, ElectLeadersRequest, IncrementalAlterConfigsRequest,
              AlterPartitionReassignmentsRequest, ListPartitionReassignmentsRequest,
              DescribeClusterRequest, DescribeTopicPartitionsRequest, ConsumerGroupHeartbeatRequest,
              ConsumerGroupDescribeRequest, DescribeClientQuotasRequest, AlterClientQuotasRequest>(
      visit);
}

template <class Visit>
void for_each_response(Visit&& visit) {
  using namespace kafka;
  for_each_of<
      ProduceResponse, FetchResponse, ListOffsetsResponse, MetadataResponse,
      FindCoordinatorResponse, ApiVersionsResponse, CreateTopicsResponse, DeleteTopicsResponse,
      OffsetCommitResponse, OffsetFetchResponse, JoinGroupResponse, HeartbeatResponse,
      LeaveGroupResponse, SyncGroupResponse, DescribeGroupsResponse, ListGroupsResponse,
      DeleteGroupsResponse, OffsetDeleteResponse, OffsetForLeaderEpochResponse,
      InitProducerIdResponse, DescribeProducersResponse, DeleteRecordsResponse,
      DescribeConfigsResponse, AlterConfigsResponse, DescribeLogDirsResponse,
      CreatePartitionsResponse, ElectLeadersResponse, IncrementalAlterConfigsResponse,
      AlterPartitionReassignmentsResponse, ListPartitionReassignmentsResponse,
      DescribeClusterResponse, DescribeTopicPartitionsResponse, ConsumerGroupHeartbeatResponse,
      ConsumerGroupDescribeResponse, DescribeClientQuotasResponse, AlterClientQuotasResponse>(
      visit);
}

}  // namespace penstock::test
