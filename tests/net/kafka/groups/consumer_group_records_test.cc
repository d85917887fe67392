// The records of groups of the consumer protocol, byte for byte as Kafka has them, and what a log of them says.
#include "net/kafka/groups/consumer_group_records.h"

#include <gtest/gtest.h>

#include "net/kafka/uuid.h"
#include "tests/net/kafka/groups/consumer_group_rig.h"

namespace penstock::kafka {
namespace {

using test::Bytes;
using test::bytes_of;
using test::ConsumerRig;

constexpr const char* kTopicId = "00000000000000070000000000000001";

Bytes with_topic(const std::string& before, const std::string& after) {
  return bytes_of(before + kTopicId + after);
}

// What follows a length or count n in the compact form begins with n + 1; 00 is null, and a struct ends with its tags.
TEST(ConsumerGroupRecords, AreKafkas) {
  const auto key = [](ConsumerRecordKind kind, std::string_view name) {
    return encode_consumer_key({kind, "g", name}).value();
  };
  EXPECT_EQ(key(ConsumerRecordKind::group, ""), bytes_of("0003 0001'g'"));
  EXPECT_EQ(key(ConsumerRecordKind::topics, ""), bytes_of("0004 0001'g'"));
  EXPECT_EQ(key(ConsumerRecordKind::member, "m"), bytes_of("0005 0001'g' 0001'm'"));
  EXPECT_EQ(key(ConsumerRecordKind::target_epoch, ""), bytes_of("0006 0001'g'"));
  EXPECT_EQ(key(ConsumerRecordKind::target, "m"), bytes_of("0007 0001'g' 0001'm'"));
  EXPECT_EQ(key(ConsumerRecordKind::current, "m"), bytes_of("0008 0001'g' 0001'm'"));
  EXPECT_EQ(key(ConsumerRecordKind::pattern, "a.*"), bytes_of("0010 0001'g' 0003'a.*'"));

  EXPECT_EQ(encode_consumer_value(ConsumerGroupValue{5}).value(), bytes_of("0000 00000005 00"));
  EXPECT_EQ(encode_consumer_value(ConsumerTargetEpochValue{5}).value(),
            bytes_of("0000 00000005 00"));
  const PartitionSet some{{TopicId{7, 1}, {0, 3}}};
  EXPECT_EQ(encode_consumer_value(ConsumerTargetValue{stored_form_of(some)}).value(),
            with_topic("0000 02", "03 00000000 00000003 00 00"));
  EXPECT_EQ(encode_consumer_value(ConsumerCurrentValue{.epoch = 4,
                                                       .previous_epoch = 3,
                                                       .state = 1,
                                                       .assigned = stored_form_of(some),
                                                       .pending_revocation = {}})
                .value(),
            with_topic("0000 00000004 00000003 01 02", "03 00000000 00000003 00 01 00"));
  EXPECT_EQ(encode_consumer_value(ConsumerMemberValue{.instance_id = "i",
                                                      .client_id = "k",
                                                      .client_host = "/h",
                                                      .topics = {"t"},
                                                      .rebalance_timeout_ms = 60000,
                                                      .assignor = "range"})
                .value(),
            bytes_of("0000 02'i' 00 02'k' 03'/h' 02 02't' 00 0000ea60 06'range' 00"));
  EXPECT_EQ(
      encode_consumer_value(ConsumerTopicsValue{{{uuid_of(TopicId{7, 1}), "t", 3, {}}}}).value(),
      with_topic("0000 02", "02't' 00000003 01 00 00"));
  EXPECT_EQ(encode_consumer_value(ConsumerPatternValue{{"t"}, 2, 256}).value(),
            bytes_of("0000 02 02't' 0000000000000002 0000000000000100 00"));
}

TEST(ConsumerGroupRecords, OfLaterServersAreReadWithoutWhatIsNew) {
  // A hash of the topics as tag 0, and the time of the group's creation as tag 1.
  const Bytes group = bytes_of("0000 00000005 02 00 08 0102030405060708 01 08 0102030405060708");
  EXPECT_EQ(decode_consumer_value<ConsumerGroupValue>(group).value().epoch, 5);
  // A member that came by the classic protocol has that in tag 0.
  const Bytes member = bytes_of("0000 00 00 02'k' 03'/h' 02 02't' 00 0000ea60 00 01 00 02 aabb");
  EXPECT_EQ(decode_consumer_value<ConsumerMemberValue>(member).value().rebalance_timeout_ms, 60000);
  EXPECT_EQ(decode_consumer_value<ConsumerGroupValue>(bytes_of("0001 00000005 00")).error(),
            Error::unsupported);
  EXPECT_EQ(decode_consumer_value<ConsumerGroupValue>(bytes_of("0000 0000")).error(),
            Error::corrupt);
  EXPECT_EQ(decode_consumer_value<ConsumerGroupValue>({}).error(), Error::corrupt);
}

TEST(ConsumerGroupRecords, KeysOfOtherKindsAreOthers) {
  EXPECT_FALSE(decode_consumer_key(bytes_of("0002 0001'g'")).value());
  EXPECT_FALSE(decode_consumer_key(bytes_of("0009 0001'g'")).value());  // of a share group
  EXPECT_EQ(decode_consumer_key(bytes_of("0005 0001'g' 0001'm'")).value(),
            (ConsumerRecordKey{ConsumerRecordKind::member, "g", "m"}));
  EXPECT_EQ(decode_consumer_key(bytes_of("0005 0001'g'")).error(), Error::corrupt);
  EXPECT_EQ(decode_consumer_key(bytes_of("00")).error(), Error::corrupt);
}

struct LogRig : ConsumerRig {
  void put(const Bytes& key, const std::optional<Bytes>& value) {
    RecordBatchBuilder builder({.base_offset = Offset{next_offset}});
    append(builder, {key, value});
    const std::vector<std::byte> batch = builder.build();
    log.insert(log.end(), batch.begin(), batch.end());
  }
  void put_group(std::string_view id) {
    put(encode_consumer_key({ConsumerRecordKind::group, id, {}}).value(),
        encode_consumer_value(ConsumerGroupValue{5}).value());
  }
  void put_classic(std::string_view id) {
    put(encode_record_key(GroupMetadataKey{id}).value(),
        encode_record_value(GroupMetadataValue{.generation = 3}).value());
  }
  std::vector<GroupReplay::Replayed> replayed() {
    EXPECT_TRUE(replay.apply(log).ok());
    return replay.take_groups(clock, settings);
  }
  GroupReplay replay;
};

TEST(ConsumerGroupReplay, AGroupIsOfTheProtocolItsLastRecordSays) {
  LogRig rig;
  rig.put_group("a");
  rig.put_classic("a");  // the end of the one before was lost
  rig.put_classic("b");
  rig.put_group("b");
  const std::vector<GroupReplay::Replayed> groups = rig.replayed();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].consumer, nullptr);
  EXPECT_EQ(groups[0].group->generation(), 3);
  EXPECT_NE(groups[1].consumer, nullptr);
  EXPECT_FALSE(groups[1].group->is_stored());
}

TEST(ConsumerGroupReplay, AGroupThatHasEndedIsNotThere) {
  LogRig rig;
  rig.join("a");
  rig.leave("a");
  const ConsumerGroup::Store end = std::move(rig.group->end()).value();
  for (const NewGroupRecord& record : end.records) rig.put(record.key, record.value);
  EXPECT_TRUE(rig.replayed().empty());
  EXPECT_EQ(rig.replay.unreadable_count(), 0u);
}

TEST(ConsumerGroupReplay, PassesOverWhatItCannotRead) {
  LogRig rig;
  rig.join("a");
  const auto member = encode_consumer_key({ConsumerRecordKind::member, "group", "b"}).value();
  const auto current = encode_consumer_key({ConsumerRecordKind::current, "group", "a"}).value();
  rig.put(member, bytes_of("0007"));                                 // of a later server
  rig.put(member, bytes_of("0000 00"));                              // cut short
  rig.put(current, bytes_of("0000 00000009 00000008 07 01 01 00"));  // a state there is not
  rig.put(bytes_of("0005 ff"), bytes_of("00"));
  const std::vector<GroupReplay::Replayed> groups = rig.replayed();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(rig.replay.unreadable_count(), 4u);
  EXPECT_EQ(groups[0].consumer->admit_commit("a", 1), KafkaError::none);
  EXPECT_EQ(groups[0].consumer->admit_commit("b", 1), KafkaError::unknown_member_id);
}

TEST(ConsumerGroupReplay, AnAssignmentThatWasCutShortIsComputedAgain) {
  ConsumerRig rig;
  rig.join("a");
  // The last thing stored is that the group has a new epoch.
  rig.log.clear();
  rig.group->store_failed({{ConsumerRecordKind::group, {}}, {ConsumerRecordKind::member, "a"}});
  rig.store();
  rig.restart();
  EXPECT_STREQ(rig.group->state_name(), "Assigning");
  rig.join("a");
  EXPECT_STREQ(rig.group->state_name(), "Stable");
  EXPECT_EQ(rig.partitions("a").size(), 6u);
}

}  // namespace
}  // namespace penstock::kafka
