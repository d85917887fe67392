// The records of `__consumer_offsets`, byte for byte as Kafka has them, and what a log of them says.
#include "net/kafka/groups/group_records.h"

#include <gtest/gtest.h>

#include "engine/record_batch.h"
#include "net/kafka/groups/group_partition.h"
#include "net/kafka/groups/group_replay.h"
#include "tests/net/kafka/groups/group_rig.h"

namespace penstock::kafka {
namespace {

using test::Bytes;
using test::bytes_of;
using test::GroupRig;

TEST(GroupRecords, AreKafkas) {
  EXPECT_EQ(encode_record_key(OffsetCommitKey{"g", "t", 3}).value(),
            bytes_of("0001 0001'g' 0001't' 00000003"));
  EXPECT_EQ(encode_record_key(GroupMetadataKey{"g"}).value(), bytes_of("0002 0001'g'"));
  OffsetCommitValue offset{
      .offset = 9, .leader_epoch = 1, .metadata = "x", .commit_timestamp_ms = 256};
  EXPECT_EQ(encode_record_value(offset).value(),
            bytes_of("0003 0000000000000009 00000001 0001'x' 0000000000000100"));
  offset.expire_timestamp_ms = 512;
  EXPECT_EQ(encode_record_value(offset).value(),
            bytes_of("0001 0000000000000009 0001'x' 0000000000000100 0000000000000200"));

  const Bytes subscription = bytes_of("aa");
  const Bytes assignment = bytes_of("bbcc");
  const GroupMetadataValue group{.protocol_type = "consumer",
                                 .generation = 4,
                                 .protocol = "range",
                                 .leader = "m",
                                 .current_state_timestamp_ms = 256,
                                 .members = {{.member_id = "m",
                                              .client_id = "k",
                                              .client_host = "/h",
                                              .rebalance_timeout_ms = 60000,
                                              .session_timeout_ms = 10000,
                                              .subscription = Records(subscription),
                                              .assignment = Records(assignment)}}};
  EXPECT_EQ(encode_record_value(group).value(),
            bytes_of("0003 0008'consumer' 00000004 0005'range' 0001'm' 0000000000000100 00000001"
                     "0001'm' ffff 0001'k' 0002'/h' 0000ea60 00002710 00000001 aa 00000002 bbcc"));
}

TEST(GroupRecords, OfEveryVersionAreRead) {
  // Version 4 is flexible: compact lengths, and tagged fields (here an unknown one) at the end.
  const Bytes flexible =
      bytes_of("0004 0000000000000009 00000001 02'x' 0000000000000100 01 07 01 ff");
  EXPECT_EQ(decode_offset_value(flexible).value().offset, 9);
  EXPECT_EQ(decode_offset_value(flexible).value().metadata, "x");
  const Bytes oldest = bytes_of("0000 0000000000000009 0001'x' 0000000000000100");
  EXPECT_EQ(decode_offset_value(oldest).value().commit_timestamp_ms, 256);
  EXPECT_EQ(decode_offset_value(bytes_of("0005 00")).error(), Error::unsupported);
  EXPECT_EQ(decode_offset_value(bytes_of("0003 00")).error(), Error::corrupt);
  EXPECT_EQ(decode_offset_value(bytes_of("ffff")).error(), Error::corrupt);

  const Bytes group = bytes_of(
      "0000 0001'c' 00000004 ffff ffff 00000001"
      "0001'm' 0001'k' 0002'/h' 00002710 00000000 00000000");
  EXPECT_EQ(decode_group_value(group).value().members[0].rebalance_timeout_ms, -1);

  EXPECT_TRUE(std::holds_alternative<UnknownKey>(
      decode_record_key(bytes_of("0003 0001'g'")).value()));  // of a newer protocol
  EXPECT_TRUE(std::holds_alternative<OffsetCommitKey>(
      decode_record_key(bytes_of("0000 0001'g' 0001't' 00000003")).value()));
  EXPECT_EQ(decode_record_key(bytes_of("0002 0005'g'")).error(), Error::corrupt);
  EXPECT_EQ(decode_record_key({}).error(), Error::corrupt);
}

TEST(GroupPartition, IsTheOneOfJavasHash) {
  EXPECT_EQ(partition_of_group("", 50), 0u);
  EXPECT_EQ(partition_of_group("abc", 1'000'000), 96354u);       // 97 * 31 * 31 + 98 * 31 + 99
  EXPECT_EQ(partition_of_group("a\xC3\xA9", 1'000'000), 3240u);  // U+00E9: 97 * 31 + 233
  // U+1F600 is two units of UTF-16: 0xD83D * 31 + 0xDE00.
  EXPECT_EQ(partition_of_group("\xF0\x9F\x98\x80", 10'000'000), 1'772'899u);
  EXPECT_EQ(partition_of_group("polygenelubricants", 50),
            0u);  // hashes to the least int: no absolute value
  EXPECT_EQ(partition_of_group("hello world", 50), 1'794'106'052u % 50);
  EXPECT_EQ(partition_of_group("group", 1), 0u);
}

struct ReplayRig : GroupRig {
  void put(std::vector<std::byte> key, std::optional<std::vector<std::byte>> value) {
    RecordBatchBuilder builder({.base_offset = Offset{next_offset++}});
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = 1;
    record.key = key;
    if (value) record.value = *value;
    builder.add(record);
    const std::vector<std::byte> batch = builder.build();
    log.insert(log.end(), batch.begin(), batch.end());
  }
  void put_offset(std::string_view group_id, int32_t partition, std::optional<int64_t> offset) {
    std::optional<std::vector<std::byte>> value;
    if (offset) value = encode_record_value(OffsetCommitValue{.offset = *offset}).value();
    put(encode_record_key(OffsetCommitKey{group_id, "t", partition}).value(), std::move(value));
  }
  void put_group(std::string_view group_id, std::optional<std::vector<std::byte>> value) {
    put(encode_record_key(GroupMetadataKey{group_id}).value(), std::move(value));
  }
  std::vector<std::unique_ptr<Group>> replayed() {
    EXPECT_TRUE(replay.apply(log).ok());
    std::vector<std::unique_ptr<Group>> groups;
    for (GroupReplay::Replayed& one : replay.take_groups(clock, settings)) {
      EXPECT_EQ(one.consumer, nullptr);
      groups.push_back(std::move(one.group));
    }
    return groups;
  }

  uint64_t next_offset = 0;
  std::vector<std::byte> log;
  GroupReplay replay;
};

TEST(GroupReplay, TheLastRecordOfAKeyCounts) {
  ReplayRig rig;
  rig.put_offset("a", 0, 1);
  rig.put_offset("a", 1, 5);
  rig.put_offset("a", 0, 2);
  rig.put_offset("a", 0, 2);  // a commit that was sent twice
  rig.put_offset("a", 1, std::nullopt);
  rig.put_offset("b", 0, 7);
  rig.put_offset("b", 0, std::nullopt);
  rig.put_offset("c", 0, std::nullopt);  // compaction has taken what it ended
  const auto groups = rig.replayed();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0]->id(), "a");
  EXPECT_EQ(groups[0]->state(), GroupState::empty);
  EXPECT_EQ(groups[0]->offsets().find("t", 0)->offset, 2);
  EXPECT_EQ(groups[0]->offsets().find("t", 1), nullptr);
  EXPECT_EQ(rig.replay.unreadable_count(), 0u);
}

TEST(GroupReplay, MembersGoOnWhereTheyWere) {
  ReplayRig rig;
  std::vector<GroupRig::JoinPointer> joins;
  joins.push_back(rig.join(GroupRig::wish(), "a"));
  joins.push_back(rig.join(GroupRig::wish(), "b"));
  rig.pass_ms(0);
  const auto leader = rig.sync("a", {{"a", bytes_of("'of a'")}, {"b", bytes_of("'of b'")}});
  const std::vector<Group::Store> stores = rig.group.take_store();
  ASSERT_EQ(stores.size(), 1u);
  rig.put_group("group", stores[0].value.value());

  const auto groups = rig.replayed();
  ASSERT_EQ(groups.size(), 1u);
  Group& group = *groups[0];
  EXPECT_EQ(group.state(), GroupState::stable);
  EXPECT_EQ(group.heartbeat({"a", std::nullopt}, 1), KafkaError::none);
  ParkedSync sync;
  group.sync({.identity = {"b", std::nullopt}, .generation = 1}, sync);
  EXPECT_EQ(sync.answer->assignment, bytes_of("'of b'"));

  // The next generation is none that may have been begun before the end.
  rig.clock.now_ns += 9'000'000'000;
  EXPECT_EQ(group.heartbeat({"a", std::nullopt}, 1), KafkaError::none);
  rig.clock.now_ns += 1'000'000'000;
  group.advance();  // "b" is gone
  ParkedJoin join;
  group.join(GroupRig::wish("a"), {}, join);
  ASSERT_TRUE(join.answer);
  EXPECT_GT(join.answer->generation, 100);
}

TEST(GroupReplay, AGroupThatWasDeletedIsNotThere) {
  ReplayRig rig;
  rig.put_group("a", encode_record_value(GroupMetadataValue{.generation = 3}).value());
  rig.put_group("b", encode_record_value(GroupMetadataValue{.generation = 3}).value());
  rig.put_group("a", std::nullopt);
  const auto groups = rig.replayed();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0]->id(), "b");
  EXPECT_EQ(groups[0]->generation(), 3);
  EXPECT_TRUE(groups[0]->is_stored());
}

TEST(GroupReplay, PassesOverWhatItCannotRead) {
  ReplayRig rig;
  rig.put(bytes_of("0009 ffff"), bytes_of("00"));          // a key of a newer protocol
  rig.put(bytes_of("0001 ff"), bytes_of("00"));            // no key at all
  rig.put(bytes_of("0001 0001'a' 0001't' 00000000"), {});  // a tombstone of nothing
  rig.put(bytes_of("0001 0001'a' 0001't' 00000000"), bytes_of("0003 00"));
  rig.put_group("a", bytes_of("0063"));
  rig.put_offset("a", 1, 4);
  const auto groups = rig.replayed();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0]->offsets().find("t", 1)->offset, 4);
  EXPECT_EQ(rig.replay.unreadable_count(), 3u);
  EXPECT_FALSE(rig.replay.apply(bytes_of("00000000")).ok());
}

}  // namespace
}  // namespace penstock::kafka
