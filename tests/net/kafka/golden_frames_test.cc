// Frames worked out by hand from the layout rules, so that encoder and decoder cannot be wrong together.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "net/kafka/message.h"
#include "tests/net/all_messages.h"
#include "tests/net/frame_bytes.h"

namespace penstock::kafka {
namespace {

using test::Bytes;
using test::bytes_of;

// `notation` is the frame without its length.
template <class M>
void expect_request(std::string_view notation, std::optional<std::string_view> client_id,
                    int16_t version, const M& request) {
  const Bytes frame = bytes_of(notation);
  const Result<OutgoingFrame> encoded = encode_request(7, client_id, version, request);
  ASSERT_TRUE(encoded.ok());
  const Bytes joined = test::joined(encoded.value());
  EXPECT_EQ(Bytes(joined.begin() + 4, joined.end()), frame);
  EXPECT_EQ(std::to_integer<size_t>(joined[3]), frame.size());  // all are short

  Decoder decoder(frame);
  const Result<RequestHeader> header = decode_request_header(decoder);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value(), (RequestHeader{M::kApi.key, version, 7, client_id}));
  const Result<M> decoded = decode_body<M>(decoder, version);
  ASSERT_TRUE(decoded.ok()) << name_of(decoder.fault());
  EXPECT_EQ(decoded.value(), request);
}

template <class M>
void expect_response(std::string_view notation, int16_t version, const M& response) {
  const Bytes frame = bytes_of(notation);
  const Result<OutgoingFrame> encoded = encode_response(7, version, response);
  ASSERT_TRUE(encoded.ok());
  const Bytes joined = test::joined(encoded.value());
  EXPECT_EQ(Bytes(joined.begin() + 4, joined.end()), frame);

  Decoder decoder(frame);
  const Result<ResponseHeader> header = decode_response_header(decoder, M::kApi, version);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value().correlation_id, 7);
  const Result<M> decoded = decode_body<M>(decoder, version);
  ASSERT_TRUE(decoded.ok()) << name_of(decoder.fault());
  EXPECT_EQ(decoded.value(), response);
}

TEST(GoldenFrames, ApiVersions) {
  expect_request("0012 0000 00000007 0003'kat'", "kat", 0, ApiVersionsRequest{});
  // Header 2: the client id keeps its two length bytes, then no tags. Body: compact strings, no tags.
  expect_request("0012 0003 00000007 0003'kat' 00  04'lib' 04'1.0' 00", "kat", 3,
                 ApiVersionsRequest{"lib", "1.0"});

  ApiVersionsResponse response{.error_code = KafkaError::unsupported_version,
                               .api_keys = {{ApiKey::api_versions, 0, 3}, {ApiKey::fetch, 4, 11}}};
  expect_response("00000007  0023 00000002 0012 0000 0003  0001 0004 000b", 0, response);
  response.throttle_time_ms = 9;
  expect_response("00000007  0023 00000002 0012 0000 0003  0001 0004 000b  00000009", 2, response);
  // The header stays version 0. Tag 1, eight bytes; tag 2, an array of one struct with its own tag section.
  response.api_keys.pop_back();
  response.finalized_features_epoch = 5;
  response.finalized_features = {{"f", 2, 1}};
  expect_response(
      "00000007  0023 02 0012 0000 0003 00  00000009"
      "02  01 08 0000000000000005  02 08 02 02'f' 0002 0001 00",
      3, response);
}

TEST(GoldenFrames, Metadata) {
  expect_request("0003 0000 00000007 ffff  00000000", std::nullopt, 0,
                 MetadataRequest{.topics = std::vector<MetadataRequest::Topic>{}});
  expect_request("0003 0001 00000007 ffff  ffffffff", std::nullopt, 1, MetadataRequest{});
  expect_request("0003 0004 00000007 ffff  00000001 0002'ab' 00", std::nullopt, 4,
                 MetadataRequest{.topics = {{{.name = "ab"}}}, .allow_auto_topic_creation = false});
  expect_request("0003 0009 00000007 ffff 00  00 01 00 01 00", std::nullopt, 9,
                 MetadataRequest{.include_topic_authorized_operations = true});
  expect_request(
      "0003 0009 00000007 ffff 00  02 03'ab' 00  01 01 00 00", std::nullopt, 9,
      MetadataRequest{.topics = {{{.name = "ab"}}}, .include_cluster_authorized_operations = true});

  const MetadataResponse response{.brokers = {{.node_id = 1, .host = "h", .port = 9092}},
                                  .cluster_id = "c",
                                  .controller_id = 1,
                                  .topics = {{.name = "t",
                                              .partitions = {{.index = 0,
                                                              .leader_id = 1,
                                                              .leader_epoch = 4,
                                                              .replica_nodes = {1},
                                                              .isr_nodes = {1}}}}}};
  expect_response(
      "00000007 00"                         // header 1
      "00000000"                            // throttle time
      "02 00000001 02'h' 00002384 00 00"    // one broker, rack null
      "02'c' 00000001"                      // cluster, controller
      "02 0000 02't' 00"                    // one topic, not internal
      "02 0000 00000000 00000001 00000004"  // one partition
      "02 00000001 02 00000001 01 00"       // replicas, in sync, offline (none)
      "80000000 00"                         // operations not asked for
      "80000000 00",
      9, response);
}

TEST(GoldenFrames, FindCoordinator) {
  expect_request("000a 0000 00000007 ffff  0001'g'", std::nullopt, 0,
                 FindCoordinatorRequest{.key = "g"});
  expect_request(
      "000a 0003 00000007 ffff 00  02'g' 01 00", std::nullopt, 3,
      FindCoordinatorRequest{.key = "g", .key_type = FindCoordinatorRequest::KeyType::transaction});
  expect_request("000a 0004 00000007 ffff 00  00 03 02'g' 02'h' 00", std::nullopt, 4,
                 FindCoordinatorRequest{.keys = {"g", "h"}});
  expect_response("00000007  00000000 0000 ffff 00000001 0001'h' 00002384", 1,
                  FindCoordinatorResponse{.node_id = 1, .host = "h", .port = 9092});
  expect_response(
      "00000007 00  00000000 02 02'g' ffffffff 01 ffffffff 000f 02'x' 00 00", 4,
      FindCoordinatorResponse{.coordinators = {{.key = "g",
                                                .error_code = KafkaError::coordinator_not_available,
                                                .error_message = "x"}}});
}

TEST(GoldenFrames, CreateAndDeleteTopics) {
  expect_request(
      "0013 0000 00000007 ffff  00000001 0001't' 00000003 0001 00000000"
      "00000001 0001'k' ffff  0000ea60",
      std::nullopt, 0,
      CreateTopicsRequest{.topics = {{.name = "t",
                                      .partition_count = 3,
                                      .replication_factor = 1,
                                      .configs = {{"k", std::nullopt}}}}});
  expect_request(
      "0013 0005 00000007 ffff 00  02 02't' ffffffff ffff 02 00000000 02 00000001 00 01 00"
      "0000ea60 01 00",
      std::nullopt, 5,
      CreateTopicsRequest{.topics = {{.name = "t", .assignments = {{0, {1}}}}},
                          .validate_only = true});
  // The tagged field is declared in the middle and sent at the struct's end.
  expect_response("00000007 00  00000000 02 02't' 0000 00 00000003 0001 00  01 00 02 001d  00", 5,
                  CreateTopicsResponse{
                      .topics = {{.name = "t",
                                  .topic_config_error_code = KafkaError::topic_authorization_failed,
                                  .partition_count = 3,
                                  .replication_factor = 1}}});

  expect_request("0014 0001 00000007 ffff  00000001 0001't' 0000ea60", std::nullopt, 1,
                 DeleteTopicsRequest{.topic_names = {"t"}});
  DeleteTopicsRequest by_id{.topics = {{}}};
  by_id.topics[0].topic_id.bytes.fill(std::byte{0xee});
  expect_request(
      "0014 0006 00000007 ffff 00  02 00 eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee 00  0000ea60 00",
      std::nullopt, 6, by_id);
  expect_response(
      "00000007  00000001 0001't' 0003", 0,
      DeleteTopicsResponse{
          .topics = {{.name = "t", .error_code = KafkaError::unknown_topic_or_partition}}});
}

TEST(GoldenFrames, Produce) {
  const Bytes batch = bytes_of("aabbcc");
  const ProduceRequest request{
      .acks = -1,
      .timeout_ms = 1000,
      .topics = {
          {.name = "t", .partitions = {{.index = 2, .records = Records(batch)}, {.index = 3}}}}};
  expect_request(
      "0000 0003 00000007 ffff  ffff ffff 000003e8"
      "00000001 0001't' 00000002  00000002 00000003 aabbcc  00000003 ffffffff",
      std::nullopt, 3, request);
  expect_request(
      "0000 0009 00000007 ffff 00  00 ffff 000003e8"
      "02 02't' 03  00000002 04 aabbcc 00  00000003 00 00  00  00",
      std::nullopt, 9, request);

  ProduceResponse response{
      .topics = {{.name = "t", .partitions = {{.index = 2, .base_offset = 256}}}}};
  expect_response(
      "00000007  00000001 0001't' 00000001 00000002 0000 0000000000000100 ffffffffffffffff"
      "00000000",
      3, response);
  response.topics[0].partitions[0].log_start_offset = 1;
  response.topics[0].partitions[0].record_errors = {{.batch_index = 4, .message = "m"}};
  expect_response(
      "00000007  00000001 0001't' 00000001 00000002 0000 0000000000000100 ffffffffffffffff"
      "0000000000000001 00000001 00000004 0001'm' ffff  00000000",
      8, response);
  // A tag in the partition, of two integers and no tags of their own; and one at the end.
  response.topics[0].partitions[0].record_errors.clear();
  response.topics[0].partitions[0].current_leader = {5, 6};
  response.node_endpoints = {{.node_id = 5, .host = "h", .port = 9092}};
  expect_response(
      "00000007 00  02 02't' 02 00000002 0000 0000000000000100 ffffffffffffffff 0000000000000001"
      "01 00  01 00 09 00000005 00000006 00 00  00000000"
      "01 00 0d 02 00000005 02'h' 00002384 00 00",
      10, response);
}

TEST(GoldenFrames, Fetch) {
  const FetchRequest request{
      .wait_ms_max = 500,
      .size_bytes_min = 1,
      .topics = {
          {.name = "t", .partitions = {{.index = 0, .fetch_offset = 9, .size_bytes_max = 1024}}}}};
  expect_request(
      "0001 0004 00000007 ffff  ffffffff 000001f4 00000001 7fffffff 00"
      "00000001 0001't' 00000001 00000000 0000000000000009 00000400",
      std::nullopt, 4, request);
  expect_request(
      "0001 000b 00000007 ffff  ffffffff 000001f4 00000001 7fffffff 00 00000000 ffffffff"
      "00000001 0001't' 00000001 00000000 ffffffff 0000000000000009 ffffffffffffffff 00000400"
      "00000000 0000",
      std::nullopt, 11, request);

  const Bytes batch = bytes_of("aabbcc");
  FetchResponse response{
      .topics = {{.name = "t",
                  .partitions = {{.high_watermark = 10,
                                  .last_stable_offset = 10,
                                  .aborted_transactions = {{{.producer_id = 1, .first_offset = 2}}},
                                  .records = Records(batch)}}}}};
  expect_response(
      "00000007  00000000 00000001 0001't' 00000001 00000000 0000 000000000000000a"
      "000000000000000a 00000001 0000000000000001 0000000000000002 00000003 aabbcc",
      4, response);
  response.topics[0].partitions[0].aborted_transactions.reset();
  response.topics[0].partitions[0].records.reset();
  expect_response(
      "00000007  00000000 0000 00000000 00000001 0001't' 00000001 00000000 0000 000000000000000a"
      "000000000000000a ffffffffffffffff ffffffff ffffffff ffffffff",
      11, response);
}

TEST(GoldenFrames, FetchByTopicId) {
  Uuid id;
  id.bytes.fill(std::byte{0xab});
  const FetchRequest request{.wait_ms_max = 500,
                             .size_bytes_min = 1,
                             .session_id = 5,
                             .session_epoch = 1,
                             .topics = {{.topic_id = id,
                                         .partitions = {{.fetch_offset = 9,
                                                         .last_fetched_epoch = 3,
                                                         .size_bytes_max = 1024}}}},
                             .forgotten_topics = {{.topic_id = id, .partitions = {2}}}};
  // No replica since version 15; every struct ends with its tags, of which there are none.
  expect_request(
      "0001 000f 00000007 ffff 00  000001f4 00000001 7fffffff 00 00000005 00000001"
      "02 abababababababababababababababab 02 00000000 ffffffff 0000000000000009 00000003"
      "ffffffffffffffff 00000400 00 00"
      "02 abababababababababababababababab 02 00000002 00  01 00",
      std::nullopt, 15, request);

  FetchResponse response{
      .session_id = 5,
      .topics = {{.topic_id = id,
                  .partitions = {{.high_watermark = 10,
                                  .last_stable_offset = 10,
                                  .log_start_offset = 0,
                                  .diverging_epoch = {.epoch = 2, .end_offset = 8}}}}},
      .node_endpoints = {{.node_id = 1, .host = "h", .port = 9092}}};
  // The partition has one tag: 13 bytes, no tags in it. So has the response.
  expect_response(
      "00000007 00  00000000 0000 00000005"
      "02 abababababababababababababababab 02 00000000 0000 000000000000000a 000000000000000a"
      "0000000000000000 00 ffffffff 00  01 00 0d 00000002 0000000000000008 00  00"
      "01 00 0d 02 00000001 02'h' 00002384 00 00",
      16, response);
}

TEST(GoldenFrames, ListOffsets) {
  const ListOffsetsRequest request{
      .topics = {{.name = "t",
                  .partitions = {{.index = 1, .timestamp_ms = ListOffsetsRequest::kEarliest}}}}};
  expect_request(
      "0002 0001 00000007 ffff  ffffffff 00000001 0001't' 00000001 00000001 fffffffffffffffe",
      std::nullopt, 1, request);
  expect_request(
      "0002 0006 00000007 ffff 00  ffffffff 00 02 02't' 02 00000001 ffffffff fffffffffffffffe 00"
      "00 00",
      std::nullopt, 6, request);
  expect_response(
      "00000007  00000000 00000001 0001't' 00000001 00000001 0000 ffffffffffffffff"
      "0000000000000020 00000003",
      4,
      ListOffsetsResponse{
          .topics = {
              {.name = "t", .partitions = {{.index = 1, .offset = 32, .leader_epoch = 3}}}}});
}

TEST(GoldenFrames, OffsetForLeaderEpoch) {
  const OffsetForLeaderEpochRequest request{
      .replica_id = -1,
      .topics = {{.name = "t",
                  .partitions = {{.index = 1, .current_leader_epoch = 5, .leader_epoch = 4}}}}};
  expect_request("0017 0002 00000007 ffff  00000001 0001't' 00000001 00000001 00000005 00000004",
                 std::nullopt, 2, OffsetForLeaderEpochRequest{.topics = request.topics});
  expect_request(
      "0017 0004 00000007 ffff 00  ffffffff 02 02't' 02 00000001 00000005 00000004 00 00 00",
      std::nullopt, 4, request);
  expect_response(
      "00000007 00  00000000 02 02't' 02 0000 00000001 00000004 0000000000000020 00 00 00", 4,
      OffsetForLeaderEpochResponse{
          .topics = {
              {.name = "t", .partitions = {{.index = 1, .leader_epoch = 4, .end_offset = 32}}}}});
}

TEST(GoldenFrames, JoinGroup) {
  const Bytes metadata = bytes_of("aabb");
  JoinGroupRequest request{.group_id = "g",
                           .session_timeout_ms = 10000,
                           .protocol_type = "c",
                           .protocols = {{"r", Records(metadata)}}};
  expect_request(
      "000b 0000 00000007 ffff  0001'g' 00002710 0000 0001'c' 00000001 0001'r' 00000002 aabb",
      std::nullopt, 0, request);
  request.rebalance_timeout_ms = 60000;
  request.member_id = "m";
  request.group_instance_id = "i";
  request.reason = "why";
  expect_request(
      "000b 0009 00000007 ffff 00  02'g' 00002710 0000ea60 02'm' 02'i' 02'c'"
      "02 02'r' 03 aabb 00  04'why' 00",
      std::nullopt, 9, request);

  JoinGroupResponse response{.generation_id = 5,
                             .protocol_name = "r",
                             .leader = "m",
                             .member_id = "m",
                             .members = {{"m", std::nullopt, Records(metadata)}}};
  expect_response(
      "00000007  00000000 0000 00000005 0001'r' 0001'm' 0001'm'"
      "00000001 0001'm' ffff 00000002 aabb",
      5, response);
  response.protocol_type = "c";
  response.skip_assignment = true;
  expect_response(
      "00000007 00  00000000 0000 00000005 02'c' 02'r' 02'm' 01 02'm'  02 02'm' 00 03 aabb 00  00",
      9, response);
  expect_response(
      "00000007  00000000 004f ffffffff 0000 0000 0002'mm' 00000000", 4,
      JoinGroupResponse{
          .error_code = KafkaError::member_id_required, .protocol_name = "", .member_id = "mm"});
}

TEST(GoldenFrames, SyncHeartbeatAndLeaveGroup) {
  const Bytes assignment = bytes_of("cc");
  expect_request(
      "000e 0003 00000007 ffff  0001'g' 00000005 0001'm' ffff 00000001 0001'm' 00000001 cc",
      std::nullopt, 3,
      SyncGroupRequest{.group_id = "g",
                       .generation_id = 5,
                       .member_id = "m",
                       .assignments = {{"m", Records(assignment)}}});
  expect_response(
      "00000007 00  00000000 0000 02'c' 02'r' 02 cc 00", 5,
      SyncGroupResponse{
          .protocol_type = "c", .protocol_name = "r", .assignment = Records(assignment)});
  expect_request("000c 0004 00000007 ffff 00  02'g' 00000005 02'm' 00 00", std::nullopt, 4,
                 HeartbeatRequest{.group_id = "g", .generation_id = 5, .member_id = "m"});
  expect_response("00000007  00000000 001b", 1,
                  HeartbeatResponse{.error_code = KafkaError::rebalance_in_progress});
  expect_request("000d 0001 00000007 ffff  0001'g' 0001'm'", std::nullopt, 1,
                 LeaveGroupRequest{.group_id = "g", .member_id = "m"});
  expect_request("000d 0005 00000007 ffff 00  02'g' 02 02'm' 02'i' 02'x' 00 00", std::nullopt, 5,
                 LeaveGroupRequest{.group_id = "g", .members = {{"m", "i", "x"}}});
  expect_response(
      "00000007  00000000 0000 00000001 0001'm' ffff 0019", 3,
      LeaveGroupResponse{.members = {{"m", std::nullopt, KafkaError::unknown_member_id}}});
}

TEST(GoldenFrames, ConsumerGroupHeartbeat) {
  constexpr std::string_view kId = "00000000000000070000000000000001";
  Uuid id;
  id.bytes[7] = std::byte{7};
  id.bytes[15] = std::byte{1};
  // What is null is one byte: 00 for strings and arrays, ff for a struct, which begins with 01 otherwise.
  expect_request(
      "0044 0001 00000007 ffff 00  02'g' 02'm' 00000000 00 00 0000ea60 02 02't' 00 00 01 00",
      std::nullopt, 1,
      ConsumerGroupHeartbeatRequest{.group_id = "g",
                                    .member_id = "m",
                                    .rebalance_timeout_ms = 60000,
                                    .subscribed_topic_names = {{"t"}},
                                    .topic_partitions = {{}}});
  expect_response("00000007 00  00000000 0000 00 02'm' 00000001 00001388 ff 00", 0,
                  ConsumerGroupHeartbeatResponse{
                      .member_id = "m", .member_epoch = 1, .heartbeat_interval_ms = 5000});
  expect_response("00000007 00  00000000 0000 00 02'm' 00000001 00001388 01 02" + std::string(kId) +
                      "03 00000000 00000002 00 00 00",
                  0,
                  ConsumerGroupHeartbeatResponse{
                      .member_id = "m",
                      .member_epoch = 1,
                      .heartbeat_interval_ms = 5000,
                      .assignment = ConsumerGroupHeartbeatResponse::Assignment{{{id, {0, 2}}}}});
}

TEST(GoldenFrames, CommittedOffsets) {
  OffsetCommitRequest commit{
      .group_id = "g",
      .member_id = "m",
      .topics = {{.name = "t", .partitions = {{.index = 2, .committed_offset = 9}}}}};
  expect_request(
      "0008 0002 00000007 ffff  0001'g' ffffffff 0001'm' ffffffffffffffff"
      "00000001 0001't' 00000001 00000002 0000000000000009 ffff",
      std::nullopt, 2, commit);
  commit.generation_id = 5;
  commit.topics[0].partitions[0].committed_leader_epoch = 1;
  commit.topics[0].partitions[0].committed_metadata = "x";
  expect_request(
      "0008 0008 00000007 ffff 00  02'g' 00000005 02'm' 00"
      "02 02't' 02 00000002 0000000000000009 00000001 02'x' 00 00 00",
      std::nullopt, 8, commit);
  expect_response("00000007  00000000 00000001 0001't' 00000001 00000002 0016", 3,
                  OffsetCommitResponse{.topics = {{"t", {{2, KafkaError::illegal_generation}}}}});

  expect_request("0009 0002 00000007 ffff  0001'g' ffffffff", std::nullopt, 2,
                 OffsetFetchRequest{.group_id = "g"});
  expect_request("0009 0008 00000007 ffff 00  02 02'g' 02 02't' 02 00000003 00 00  01 00",
                 std::nullopt, 8,
                 OffsetFetchRequest{.groups = {{.group_id = "g", .topics = {{{"t", {3}}}}}},
                                    .require_stable = true});
  const OffsetFetchResponse::Partition partition{.index = 3, .committed_offset = 4, .metadata = ""};
  expect_response(
      "00000007  00000000 00000001 0001't' 00000001 00000003 0000000000000004 ffffffff 0000 0000"
      "0000",
      5, OffsetFetchResponse{.topics = {{"t", {partition}}}});
  expect_response(
      "00000007 00  00000000 02 02'g' 02 02't' 02 00000003 0000000000000004 ffffffff 01 0000 00 00"
      "0000 00 00",
      8, OffsetFetchResponse{.groups = {{"g", {{"t", {partition}}}}}});

  expect_request("002f 0000 00000007 ffff  0001'g' 00000001 0001't' 00000001 00000003",
                 std::nullopt, 0, OffsetDeleteRequest{.group_id = "g", .topics = {{"t", {3}}}});
  expect_response(
      "00000007  0000 00000000 00000001 0001't' 00000001 00000003 0056", 0,
      OffsetDeleteResponse{.topics = {{"t", {{3, KafkaError::group_subscribed_to_topic}}}}});
}

TEST(GoldenFrames, GroupsForAdministrators) {
  const Bytes bytes = bytes_of("dd");
  expect_request("000f 0005 00000007 ffff 00  02 02'g' 01 00", std::nullopt, 5,
                 DescribeGroupsRequest{.groups = {"g"}, .include_authorized_operations = true});
  expect_response(
      "00000007 00  00000000 02 0000 02'g' 07'Stable' 02'c' 02'r'"
      "02 02'm' 00 02'k' 03'/h' 02 dd 02 dd 00  80000000 00 00",
      5,
      DescribeGroupsResponse{.groups = {{.group_id = "g",
                                         .state = "Stable",
                                         .protocol_type = "c",
                                         .protocol_name = "r",
                                         .members = {{"m", std::nullopt, "k", "/h", Records(bytes),
                                                      Records(bytes)}}}}});
  expect_request("0010 0005 00000007 ffff 00  02 06'Empty' 01 00", std::nullopt, 5,
                 ListGroupsRequest{.states_filter = {"Empty"}});
  expect_response("00000007  0000 00000001 0001'g' 0001'c'", 0,
                  ListGroupsResponse{.groups = {{.group_id = "g", .protocol_type = "c"}}});
  expect_response("00000007 00  00000000 0000 02 02'g' 02'c' 06'Empty' 08'classic' 00 00", 5,
                  ListGroupsResponse{.groups = {{"g", "c", "Empty", "classic"}}});
  expect_request("002a 0002 00000007 ffff 00  02 02'g' 00", std::nullopt, 2,
                 DeleteGroupsRequest{.group_names = {"g"}});
  expect_response("00000007  00000000 00000001 0001'g' 0044", 1,
                  DeleteGroupsResponse{.results = {{"g", KafkaError::non_empty_group}}});
}

TEST(GoldenFrames, Producers) {
  expect_request("0016 0000 00000007 ffff  ffff 0000ea60", std::nullopt, 0,
                 InitProducerIdRequest{.transaction_timeout_ms = 60'000});
  expect_request(
      "0016 0004 00000007 ffff 00  00 00000001 0000000000000009 0003 00", std::nullopt, 4,
      InitProducerIdRequest{.transaction_timeout_ms = 1, .producer_id = 9, .producer_epoch = 3});
  expect_response("00000007  00000000 0000 0000000000000009 0004", 1,
                  InitProducerIdResponse{.producer_id = 9, .producer_epoch = 4});
  expect_response("00000007 00  00000000 0023 ffffffffffffffff ffff 00", 2,
                  InitProducerIdResponse{.error_code = KafkaError::unsupported_version});
  expect_request("003d 0000 00000007 ffff 00  02 02't' 02 00000001 00 00", std::nullopt, 0,
                 DescribeProducersRequest{.topics = {{"t", {1}}}});
  expect_response(
      "00000007 00  00000000 02 02't' 02 00000001 0000 00 02"
      "0000000000000009 00000004 0000000b 00000000000003e8 ffffffff ffffffffffffffff 00 00 00 00",
      0,
      DescribeProducersResponse{
          .topics = {{"t", {{.partition_index = 1, .active_producers = {{9, 4, 11, 1000}}}}}}});
}

TEST(GoldenFrames, Configurations) {
  expect_request(
      "0020 0001 00000007 ffff  00000001 02 0001't' ffffffff 01", std::nullopt, 1,
      DescribeConfigsRequest{.resources = {{2, "t", std::nullopt}}, .include_synonyms = true});
  DescribeConfigsResponse described{
      .results = {{.resource_type = 2,
                   .resource_name = "t",
                   .configs = {{.name = "k", .value = "v", .is_default = true}}}}};
  expect_response(
      "00000007  00000000 00000001 0000 ffff 02 0001't' 00000001 0001'k' 0001'v' 00 01 00", 0,
      described);
  described.results[0].configs[0] = {.name = "k",
                                     .value = "v",
                                     .config_source = 1,
                                     .synonyms = {{"k", "v", 1}},
                                     .config_type = 5,
                                     .documentation = "d"};
  expect_response(
      "00000007 00  00000000 02 0000 00 02 02't' 02 02'k' 02'v' 00 01 00 02 02'k' 02'v' 01 00"
      "05 02'd' 00 00 00",
      4, described);
  expect_request("002c 0001 00000007 ffff 00  02 02 02't' 02 02'k' 02 02'v' 00 00 01 00",
                 std::nullopt, 1,
                 IncrementalAlterConfigsRequest{.resources = {{2, "t", {{"k", 2, "v"}}}},
                                                .validate_only = true});
  expect_request(
      "0015 0000 00000007 ffff  00000001 0001'g' 00000001 00000002 ffffffffffffffff"
      "00000000",
      std::nullopt, 0, DeleteRecordsRequest{.topics = {{"g", {{2, -1}}}}});
  expect_request(
      "0025 0000 00000007 ffff  00000001 0001't' 00000003 00000001 00000001 00000001"
      "00000000 00",
      std::nullopt, 0, CreatePartitionsRequest{.topics = {{"t", 3, {{{{1}}}}}}});
}

// A structure that may be null has a byte before it.
TEST(GoldenFrames, DescribeTopicPartitionsWithACursorAndWithout) {
  expect_request("004b 0000 00000007 ffff 00  02 02't' 00 000007d0 01 02't' 00000003 00 00",
                 std::nullopt, 0,
                 DescribeTopicPartitionsRequest{
                     .topics = {{"t"}}, .cursor = DescribeTopicPartitionsRequest::Cursor{"t", 3}});
  expect_request("004b 0000 00000007 ffff 00  01 00000005 ff 00", std::nullopt, 0,
                 DescribeTopicPartitionsRequest{.response_partition_limit = 5});
  expect_response("00000007 00  00000000 01 ff 00", 0, DescribeTopicPartitionsResponse{});
}

TEST(GoldenFrames, ClientQuotas) {
  // 1024 as a float64 is 0x4090000000000000.
  expect_request(
      "0031 0000 00000007 0001'c'"
      "00000001 00000001 0009'client-id' ffff"
      "00000001 0012'producer_byte_rate' 4090000000000000 00 01",
      "c", 0,
      AlterClientQuotasRequest{.entries = {{.entity = {{"client-id", std::nullopt}},
                                            .operations = {{"producer_byte_rate", 1024}}}},
                               .validate_only = true});
  expect_response("00000007 00  00000000 02 002a 04'bad' 02 05'user' 02'u' 00 00 00", 1,
                  AlterClientQuotasResponse{.entries = {{.error_code = KafkaError::invalid_request,
                                                         .error_message = "bad",
                                                         .entity = {{"user", "u"}}}}});
  expect_request(
      "0030 0001 00000007 ffff 00  02 05'user' 01 00 00 01 00", std::nullopt, 1,
      DescribeClientQuotasRequest{.components = {{"user", 1, std::nullopt}}, .strict = true});
  expect_response(
      "00000007  00000000 0000 ffff"
      "00000001 00000001 0004'user' 0001'u' 00000001 0012'consumer_byte_rate'"
      "4090000000000000",
      0,
      DescribeClientQuotasResponse{
          .entries = {{{.entity = {{"user", "u"}}, .values = {{"consumer_byte_rate", 1024}}}}}});
}

}  // namespace
}  // namespace penstock::kafka
