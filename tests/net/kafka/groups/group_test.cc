// The state machine of a group: who is a member, in which generation, and who has to wait.
#include "net/kafka/groups/group.h"

#include <gtest/gtest.h>

#include "tests/net/kafka/groups/group_rig.h"

namespace penstock::kafka {
namespace {

using test::bytes_of;
using test::GroupRig;

TEST(Group, GivesTheFirstMemberItsAssignmentOnlyWhenThatIsStored) {
  GroupRig rig;
  const auto join = rig.join(GroupRig::wish(), "a");
  EXPECT_FALSE(join->answer);  // others may follow
  rig.pass_ms(0);
  ASSERT_TRUE(join->answer);
  EXPECT_EQ(join->answer->error, KafkaError::none);
  EXPECT_EQ(join->answer->generation, 1);
  EXPECT_EQ(join->answer->leader_id, "a");
  EXPECT_EQ(join->answer->protocol_name, "range");
  ASSERT_EQ(join->answer->members.size(), 1u);
  EXPECT_EQ(join->answer->members[0].metadata, bytes_of("'topics'"));
  EXPECT_EQ(rig.group.state(), GroupState::completing_rebalance);

  const auto sync = rig.sync("a", {{"a", bytes_of("'mine'")}});
  EXPECT_FALSE(sync->answer);
  EXPECT_EQ(rig.store_all().size(), 1u);
  ASSERT_TRUE(sync->answer);
  EXPECT_EQ(sync->answer->assignment, bytes_of("'mine'"));
  EXPECT_EQ(rig.group.state(), GroupState::stable);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::none);
}

TEST(Group, WaitsForMoreMembersWhileTheyKeepComing) {
  GroupRig rig;
  rig.settings.initial_rebalance_delay_ms = 3'000;
  const auto first = rig.join(GroupRig::wish(), "a");
  rig.pass_ms(2'000);
  const auto second = rig.join(GroupRig::wish(), "b");
  rig.pass_ms(1'000);
  EXPECT_FALSE(first->answer);  // "b" came meanwhile: the delay begins anew
  rig.pass_ms(2'999);
  EXPECT_FALSE(first->answer);
  rig.pass_ms(1);
  ASSERT_TRUE(first->answer && second->answer);
  EXPECT_EQ(first->answer->members.size(), 2u);
  EXPECT_TRUE(second->answer->members.empty());  // for the leader only
}

TEST(Group, TheInitialDelayEndsWithTheRebalanceTimeout) {
  GroupRig rig;
  rig.settings.initial_rebalance_delay_ms = 3'000;
  JoinWish wish = GroupRig::wish();
  wish.rebalance_timeout_ms = 7'000;
  std::vector<GroupRig::JoinPointer> joins;
  for (int i = 0; i < 7; ++i) {  // one each second: without a bound they would put it off for ever
    joins.push_back(rig.join(wish, std::to_string(i)));
    EXPECT_FALSE(joins[0]->answer) << i;
    rig.pass_ms(1'000);
  }
  EXPECT_TRUE(joins[0]->answer);
}

TEST(Group, ANewDynamicMemberHearsItsIdFirst) {
  GroupRig rig;
  JoinWish wish = GroupRig::wish();
  wish.id_required = true;
  const auto asked = rig.join(wish, "given");
  ASSERT_TRUE(asked->answer);
  EXPECT_EQ(asked->answer->error, KafkaError::member_id_required);
  EXPECT_EQ(asked->answer->member_id, "given");
  EXPECT_FALSE(rig.group.has_members());

  wish.identity.member_id = "given";
  const auto join = rig.join(wish);
  rig.pass_ms(0);
  EXPECT_EQ(join->answer->error, KafkaError::none);
}

TEST(Group, AGivenIdThatNobodyUsesEndsWithItsSession) {
  GroupRig rig;
  JoinWish wish = GroupRig::wish();
  wish.id_required = true;
  (void)rig.join(wish, "given");
  EXPECT_EQ(rig.group.next_deadline_ns(), 10'000'000'000u);
  EXPECT_FALSE(rig.group.is_unused());
  rig.pass_ms(10'000);
  EXPECT_TRUE(rig.group.is_unused());
  wish.identity.member_id = "given";
  EXPECT_EQ(rig.join(wish)->answer->error, KafkaError::unknown_member_id);
}

TEST(Group, ANewMemberMakesTheOthersJoinAgain) {
  GroupRig rig;
  rig.make_stable({"a"});
  const auto second = rig.join(GroupRig::wish(), "b");
  EXPECT_EQ(rig.group.state(), GroupState::preparing_rebalance);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::rebalance_in_progress);
  const auto first = rig.join(GroupRig::wish("a"));
  ASSERT_TRUE(first->answer && second->answer);  // all are here
  EXPECT_EQ(first->answer->generation, 2);
  EXPECT_EQ(second->answer->generation, 2);
  EXPECT_EQ(second->answer->leader_id, "a");  // the old leader stays
  EXPECT_EQ(rig.group.heartbeat({"a", std::nullopt}, 1), KafkaError::illegal_generation);
}

TEST(Group, AMemberThatDoesNotJoinAgainInTimeIsOut) {
  GroupRig rig;
  rig.make_stable({"a", "b"});
  const auto join = rig.join(GroupRig::wish("b"));
  EXPECT_TRUE(join->answer);  // nothing has changed: the generation once more
  const auto third = rig.join(GroupRig::wish(), "c");
  const auto second = rig.join(GroupRig::wish("b"));
  for (int i = 0; i < 12; ++i) {  // "a" is alive and has something better to do
    EXPECT_EQ(rig.heartbeat("a"), KafkaError::rebalance_in_progress);
    rig.pass_ms(5'000);
  }
  ASSERT_TRUE(second->answer && third->answer);
  EXPECT_EQ(second->answer->leader_id, "b");  // the leader did not come
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::unknown_member_id);
}

TEST(Group, AMemberThatIsNotHeardOfIsOutAfterItsSession) {
  GroupRig rig;
  rig.make_stable({"a", "b"});
  rig.pass_ms(9'000);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::none);
  rig.pass_ms(1'000);
  EXPECT_EQ(rig.heartbeat("b"), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::rebalance_in_progress);
  const auto join = rig.join(GroupRig::wish("a"));
  ASSERT_TRUE(join->answer);
  EXPECT_EQ(join->answer->members.size(), 1u);
}

TEST(Group, ANewMemberDoesNotWaitForOneWhoseSessionEnds) {
  GroupRig rig;
  rig.make_stable({"a"});
  const auto join = rig.join(GroupRig::wish(), "b");
  rig.pass_ms(9'999);
  EXPECT_FALSE(join->answer);
  rig.pass_ms(1);
  ASSERT_TRUE(join->answer);
  EXPECT_EQ(join->answer->leader_id, "b");
}

TEST(Group, ThoseThatWaitForTheGroupKeepTheirPlace) {
  GroupRig rig;
  rig.make_stable({"a", "b"});
  const auto first = rig.join(GroupRig::wish("a"));  // the leader asks for a rebalance
  EXPECT_FALSE(first->answer);
  for (int i = 0; i < 4; ++i) {
    rig.pass_ms(9'000);
    EXPECT_EQ(rig.heartbeat("b"), KafkaError::rebalance_in_progress);
  }
  EXPECT_FALSE(first->answer);  // no heartbeats of "a" for 36 s, and it is still awaited
  const auto second = rig.join(GroupRig::wish("b"));
  ASSERT_TRUE(first->answer);
  EXPECT_EQ(first->answer->error, KafkaError::none);
}

TEST(Group, AMemberWhoseClientLeftWhileItWaitedIsOutAfterItsSession) {
  GroupRig rig;
  rig.make_stable({"a", "b"});
  const auto first = rig.join(GroupRig::wish("a"));
  rig.group.abandon(*first);
  EXPECT_TRUE(first->answer);
  rig.pass_ms(5'000);
  EXPECT_EQ(rig.heartbeat("b"), KafkaError::rebalance_in_progress);
  rig.pass_ms(5'000);
  const auto second = rig.join(GroupRig::wish("b"));
  ASSERT_TRUE(second->answer);
  EXPECT_EQ(second->answer->members.size(), 1u);
}

TEST(Group, AMemberThatNeverAsksForItsAssignmentIsOut) {
  GroupRig rig;
  rig.make_stable({"a", "b"});
  const auto second = rig.join(GroupRig::wish(), "c");
  (void)rig.join(GroupRig::wish("a"));
  (void)rig.join(GroupRig::wish("b"));
  const auto sync = rig.sync("a", {{"a", bytes_of("'all'")}});
  rig.store_all();
  EXPECT_EQ(rig.group.state(), GroupState::stable);
  (void)rig.sync("b");
  for (int i = 0; i < 12; ++i) {
    rig.pass_ms(5'000);
    for (const char* id : {"a", "b", "c"}) (void)rig.heartbeat(id);
  }
  EXPECT_EQ(rig.heartbeat("c"), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::rebalance_in_progress);
}

TEST(Group, ALeaderWhoseAssignmentsCannotBeStoredIsToTryAgain) {
  GroupRig rig;
  const auto first = rig.join(GroupRig::wish(), "a");
  const auto second = rig.join(GroupRig::wish(), "b");
  rig.pass_ms(0);
  const auto follower = rig.sync("b");
  const auto leader = rig.sync("a", {{"a", bytes_of("'x'")}});
  rig.store_all(KafkaError::coordinator_not_available);
  ASSERT_TRUE(leader->answer && follower->answer);
  EXPECT_EQ(leader->answer->error, KafkaError::coordinator_not_available);
  EXPECT_EQ(follower->answer->error, KafkaError::coordinator_not_available);
  EXPECT_EQ(rig.group.state(), GroupState::preparing_rebalance);
}

TEST(Group, AssignmentsOfAGenerationThatIsOverAreNotGiven) {
  GroupRig rig;
  const auto first = rig.join(GroupRig::wish(), "a");
  rig.pass_ms(0);
  const auto sync = rig.sync("a", {{"a", bytes_of("'old'")}});
  const auto second = rig.join(GroupRig::wish(), "b");  // before the record is flushed
  ASSERT_TRUE(sync->answer);
  EXPECT_EQ(sync->answer->error, KafkaError::rebalance_in_progress);
  rig.store_all();
  EXPECT_EQ(rig.group.state(), GroupState::preparing_rebalance);
}

TEST(Group, RefusesAssignmentsOfAnotherGenerationOrProtocol) {
  GroupRig rig;
  rig.make_stable({"a"});
  SyncWish wish;
  wish.identity.member_id = "a";
  wish.generation = 2;
  EXPECT_EQ(rig.sync(wish)->answer->error, KafkaError::illegal_generation);
  wish.generation = 1;
  wish.protocol_type = "connect";
  EXPECT_EQ(rig.sync(wish)->answer->error, KafkaError::inconsistent_group_protocol);
  wish.protocol_type = "consumer";
  wish.protocol_name = "sticky";
  EXPECT_EQ(rig.sync(wish)->answer->error, KafkaError::inconsistent_group_protocol);
  wish.protocol_name = "range";
  EXPECT_EQ(rig.sync(wish)->answer->assignment, bytes_of("'of a'"));
  wish.identity.member_id = "nobody";
  EXPECT_EQ(rig.sync(wish)->answer->error, KafkaError::unknown_member_id);
}

TEST(Group, ChoosesTheProtocolThatMostPreferAndAllCan) {
  GroupRig rig;
  JoinWish wish = GroupRig::wish();
  wish.protocols = {{"sticky", {}}, {"range", {}}, {"own", {}}};
  const auto first = rig.join(wish, "a");
  wish.protocols = {{"range", {}}, {"sticky", {}}};
  const auto second = rig.join(wish, "b");
  const auto third = rig.join(wish, "c");
  rig.pass_ms(0);
  EXPECT_EQ(first->answer->protocol_name, "range");

  wish.protocols = {{"own", {}}};
  EXPECT_EQ(rig.join(wish, "d")->answer->error, KafkaError::inconsistent_group_protocol);
  wish = GroupRig::wish();
  wish.protocol_type = "connect";
  EXPECT_EQ(rig.join(wish, "e")->answer->error, KafkaError::inconsistent_group_protocol);
}

TEST(Group, TakesNoMoreMembersThanItMay) {
  GroupRig rig;
  rig.settings.members_max = 2;
  rig.make_stable({"a", "b"});
  EXPECT_EQ(rig.join(GroupRig::wish(), "c")->answer->error, KafkaError::group_max_size_reached);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::none);
  const auto again = rig.join(GroupRig::wish("b"));
  EXPECT_EQ(again->answer->error, KafkaError::none);
}

TEST(Group, IsEmptyAndStoredWhenTheLastMemberLeaves) {
  GroupRig rig;
  rig.make_stable({"a"});
  EXPECT_EQ(rig.group.leave({"b", std::nullopt}), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group.leave({"a", std::nullopt}), KafkaError::none);
  EXPECT_EQ(rig.group.state(), GroupState::empty);
  const auto stores = rig.store_all();
  ASSERT_EQ(stores.size(), 1u);
  const auto value = decode_group_value(stores[0].value.value());
  EXPECT_EQ(value.value().generation, 2);
  EXPECT_TRUE(value.value().members.empty());
  EXPECT_EQ(value.value().protocol_type, "consumer");
}

TEST(Group, AStaticMemberThatComesBackKeepsItsAssignment) {
  GroupRig rig;
  JoinWish wish = GroupRig::wish();
  wish.identity.instance_id = "instance";
  const auto first = rig.join(wish, "a-1");
  const auto other = rig.join(GroupRig::wish(), "b");
  rig.pass_ms(0);
  const auto leader = rig.sync({.identity = {"a-1", "instance"},
                                .generation = 1,
                                .assignments = {{"a-1", bytes_of("'static'")}}});
  const auto follower = rig.sync("b");
  rig.store_all();

  const auto back = rig.join(wish, "a-2");
  EXPECT_FALSE(back->answer);  // its new id must be stored first
  EXPECT_EQ(rig.store_all().size(), 1u);
  ASSERT_TRUE(back->answer);
  EXPECT_EQ(back->answer->error, KafkaError::none);
  EXPECT_EQ(back->answer->generation, 1);
  EXPECT_EQ(back->answer->member_id, "a-2");
  EXPECT_EQ(back->answer->leader_id, "a-1");  // so that it does not assign anew
  EXPECT_EQ(rig.group.state(), GroupState::stable);
  const auto sync = rig.sync({.identity = {"a-2", "instance"}, .generation = 1});
  EXPECT_EQ(sync->answer->assignment, bytes_of("'static'"));
  EXPECT_EQ(rig.heartbeat("b"), KafkaError::none);

  EXPECT_EQ(rig.group.heartbeat({"a-1", "instance"}, 1), KafkaError::fenced_instance_id);
  wish.identity.member_id = "a-1";
  EXPECT_EQ(rig.join(wish)->answer->error, KafkaError::fenced_instance_id);
}

TEST(Group, AStaticLeaderThatComesBackSkipsTheAssignmentIfItCan) {
  GroupRig rig;
  JoinWish wish = GroupRig::wish();
  wish.identity.instance_id = "instance";
  const auto first = rig.join(wish, "a-1");
  rig.pass_ms(0);
  const auto sync = rig.sync({.identity = {"a-1", "instance"}, .generation = 1});
  rig.store_all();
  wish.may_skip_assignment = true;
  const auto back = rig.join(wish, "a-2");
  rig.store_all();
  ASSERT_TRUE(back->answer);
  EXPECT_TRUE(back->answer->skip_assignment);
  EXPECT_EQ(back->answer->leader_id, "a-2");
  EXPECT_EQ(back->answer->members.size(), 1u);
}

TEST(Group, AStaticMembersOldRequestsAreFenced) {
  GroupRig rig;
  rig.make_stable({"b"});
  JoinWish wish = GroupRig::wish();
  wish.identity.instance_id = "instance";
  const auto old = rig.join(wish, "a-1");
  const auto back = rig.join(wish, "a-2");
  ASSERT_TRUE(old->answer);
  EXPECT_EQ(old->answer->error, KafkaError::fenced_instance_id);
  const auto other = rig.join(GroupRig::wish("b"));
  ASSERT_TRUE(back->answer);
  EXPECT_EQ(back->answer->generation, 2);
}

TEST(Group, AnAbsentStaticMemberKeepsItsPlaceInARebalance) {
  GroupRig rig;
  JoinWish wish = GroupRig::wish();
  wish.identity.instance_id = "instance";
  wish.session_timeout_ms = 600'000;
  wish.rebalance_timeout_ms = 20'000;
  const auto first = rig.join(wish, "a");
  rig.pass_ms(0);
  const auto sync = rig.sync({.identity = {"a", "instance"}, .generation = 1});
  rig.store_all();
  JoinWish dynamic = GroupRig::wish();
  dynamic.rebalance_timeout_ms = 20'000;
  const auto other = rig.join(dynamic, "b");
  rig.pass_ms(20'000);
  ASSERT_TRUE(other->answer);
  EXPECT_EQ(other->answer->leader_id, "b");
  EXPECT_EQ(other->answer->members.size(), 2u);
  EXPECT_EQ(rig.group.leave({"", "instance"}), KafkaError::none);  // by an administrator
  EXPECT_EQ(rig.group.member_count(), 1u);
}

TEST(Group, AdmitsCommitsOfItsMembersOnly) {
  GroupRig rig;
  const MemberIdentity nobody;
  const MemberIdentity member{"a", std::nullopt};
  EXPECT_EQ(rig.group.admit_commit(nobody, -1), KafkaError::none);
  EXPECT_EQ(rig.group.admit_commit(member, 1), KafkaError::unknown_member_id);
  rig.make_stable({"a"});
  EXPECT_EQ(rig.group.admit_commit(nobody, -1), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group.admit_commit(member, 1), KafkaError::none);
  EXPECT_EQ(rig.group.admit_commit(member, 0), KafkaError::illegal_generation);
  EXPECT_EQ(rig.group.admit_commit({"b", std::nullopt}, 1), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group.admit_commit({"a", "instance"}, 1), KafkaError::unknown_member_id);
  // While others join, a member still may; in the new generation nobody owns a partition yet.
  const auto second = rig.join(GroupRig::wish(), "b");
  EXPECT_EQ(rig.group.admit_commit(member, 1), KafkaError::none);
  const auto first = rig.join(GroupRig::wish("a"));
  EXPECT_EQ(rig.group.admit_commit(member, 2), KafkaError::rebalance_in_progress);
}

TEST(Group, ADeadGroupAnswersThatItIsNotAvailable) {
  GroupRig rig;
  rig.group.kill();
  EXPECT_EQ(rig.join(GroupRig::wish(), "a")->answer->error, KafkaError::coordinator_not_available);
  EXPECT_EQ(rig.sync("a")->answer->error, KafkaError::coordinator_not_available);
  EXPECT_EQ(rig.heartbeat("a"), KafkaError::coordinator_not_available);
  EXPECT_EQ(rig.group.admit_commit({}, -1), KafkaError::coordinator_not_available);
  rig.group.revive();
  EXPECT_EQ(rig.group.admit_commit({}, -1), KafkaError::none);
}

TEST(Group, DescribesMembersOnlyWhileItIsStable) {
  GroupRig rig;
  rig.make_stable({"a"});
  GroupDescription description = rig.group.describe();
  EXPECT_EQ(description.state, "Stable");
  EXPECT_EQ(description.protocol_name, "range");
  ASSERT_EQ(description.members.size(), 1u);
  EXPECT_EQ(description.members[0].assignment, bytes_of("'of a'"));
  EXPECT_EQ(description.members[0].client_host, "/host");
  const auto second = rig.join(GroupRig::wish(), "b");
  description = rig.group.describe();
  EXPECT_EQ(description.state, "PreparingRebalance");
  EXPECT_EQ(description.protocol_name, "");
  EXPECT_TRUE(description.members[0].assignment.empty());
}

TEST(Group, CountsTheMemoryItTakesAndGivesItBack) {
  GroupRig rig;
  const size_t alone = rig.group.memory_bytes();
  rig.make_stable({"a", "b"});
  EXPECT_GT(rig.group.memory_bytes(), alone + 2 * sizeof(GroupMember));
  rig.group.offsets().set("topic", 1, {.offset = 1, .metadata = std::string(1000, 'm')});
  EXPECT_GT(rig.group.memory_bytes(), alone + 1000);
  rig.group.offsets().erase("topic", 1, 0);
  EXPECT_EQ(rig.group.leave({"a", std::nullopt}), KafkaError::none);
  EXPECT_EQ(rig.group.leave({"b", std::nullopt}), KafkaError::none);
  EXPECT_EQ(rig.group.memory_bytes(), alone);
}

TEST(GroupExpiry, OfAGroupWithoutMembersCountsFromItsEnd) {
  GroupRig rig;
  rig.settings.offsets_retention_minutes = 1;
  rig.make_stable({"a"});
  rig.group.offsets().set("topic", 0, {.commit_timestamp_ms = rig.clock.wall_ms()});
  rig.clock.now_ns += 300'000'000'000;
  EXPECT_TRUE(rig.group.expired_offsets(rig.clock.wall_ms()).empty());  // still in use
  EXPECT_EQ(rig.group.leave({"a", std::nullopt}), KafkaError::none);
  EXPECT_TRUE(rig.group.expired_offsets(rig.clock.wall_ms() + 59'999).empty());
  EXPECT_EQ(rig.group.expired_offsets(rig.clock.wall_ms() + 60'000).size(), 1u);
}

TEST(GroupExpiry, OfOffsetsWithoutMembersCountsFromTheCommit) {
  GroupRig rig;
  rig.settings.offsets_retention_minutes = 1;
  const int64_t now_ms = rig.clock.wall_ms();
  rig.group.offsets().set("topic", 0, {.commit_timestamp_ms = now_ms});
  rig.group.offsets().set("topic", 1,
                          {.commit_timestamp_ms = now_ms, .expire_timestamp_ms = now_ms + 5});
  EXPECT_TRUE(rig.group.expired_offsets(now_ms + 4).empty());
  const auto expired = rig.group.expired_offsets(now_ms + 5);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].partition, 1);
  EXPECT_EQ(rig.group.expired_offsets(now_ms + 60'000).size(), 2u);
}

TEST(GroupExpiry, OfTopicsThatMembersNoLongerReadCountsFromTheCommit) {
  GroupRig rig;
  rig.settings.offsets_retention_minutes = 1;
  JoinWish wish = GroupRig::wish();
  wish.protocols = {{"range", bytes_of("0000 00000001 0004'read' ffffffff")}};
  const auto join = rig.join(wish, "a");
  rig.pass_ms(0);
  const auto sync = rig.sync("a");
  rig.store_all();
  const int64_t now_ms = rig.clock.wall_ms();
  rig.group.offsets().set("read", 0, {.commit_timestamp_ms = now_ms});
  rig.group.offsets().set("left", 0, {.commit_timestamp_ms = now_ms});
  const auto expired = rig.group.expired_offsets(now_ms + 60'000);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].topic, "left");
  EXPECT_TRUE(rig.group.is_subscribed_to("read"));
  EXPECT_FALSE(rig.group.is_subscribed_to("left"));
}

TEST(GroupOffsets, TheCommitThatLiesLaterInTheLogCounts) {
  GroupOffsets offsets;
  offsets.set("topic", 0, {.offset = 20, .log_offset = 2});
  offsets.set("topic", 0, {.offset = 10, .log_offset = 1});
  EXPECT_EQ(offsets.find("topic", 0)->offset, 20);
  offsets.erase("topic", 0, 1);
  EXPECT_NE(offsets.find("topic", 0), nullptr);
  offsets.erase("topic", 0, 3);
  EXPECT_EQ(offsets.find("topic", 0), nullptr);
  EXPECT_TRUE(offsets.empty());
  EXPECT_EQ(offsets.memory_bytes(), 0u);
}

}  // namespace
}  // namespace penstock::kafka
