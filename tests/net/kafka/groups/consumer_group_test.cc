// The state machine of a group of the consumer protocol: who has which partitions, in which epoch, and who is let in.
#include "net/kafka/groups/consumer_group.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/net/kafka/groups/consumer_group_rig.h"

namespace penstock::kafka {
namespace {

using test::ConsumerRig;

using Partitions = std::vector<int32_t>;

TEST(ConsumerGroup, GivesTheFirstMemberEverything) {
  ConsumerRig rig;
  const ConsumerHeartbeatAnswer joined = rig.join("a");
  EXPECT_EQ(joined.error, KafkaError::none);
  EXPECT_EQ(joined.member_id, "a");
  EXPECT_EQ(joined.epoch, 1);
  EXPECT_EQ(joined.interval_ms, 5'000);
  EXPECT_EQ(rig.partitions("a"), (Partitions{0, 1, 2, 3, 4, 5}));
  EXPECT_STREQ(rig.group->state_name(), "Stable");
  const ConsumerHeartbeatAnswer again = rig.beat("a");
  EXPECT_EQ(again.epoch, 1);
  EXPECT_FALSE(again.assignment);  // nothing new
}

TEST(ConsumerGroup, GivesAPartitionOnlyAfterItsOwnerHasGivenItBack) {
  ConsumerRig rig;
  rig.join("a");
  const ConsumerHeartbeatAnswer joined = rig.join("b");
  EXPECT_EQ(joined.epoch, 2);
  EXPECT_EQ(rig.partitions("b"), Partitions());  // all are "a"'s yet
  EXPECT_STREQ(rig.group->state_name(), "Reconciling");

  const PartitionSet before = rig.owned["a"];
  const ConsumerHeartbeatAnswer told = rig.beat("a");
  EXPECT_EQ(told.epoch, 1);  // in the old epoch until it has given back
  ASSERT_TRUE(told.assignment);
  EXPECT_EQ(count_of(*told.assignment), 3u);
  EXPECT_EQ(rig.partitions("b"), Partitions());
  EXPECT_FALSE(rig.beat("b").assignment);

  // It still reads them, as it says.
  rig.owned["a"] = before;
  EXPECT_EQ(rig.beat("a").epoch, 1);
  EXPECT_FALSE(rig.beat("b").assignment);

  rig.owned["a"] = *told.assignment;
  EXPECT_EQ(rig.beat("a").epoch, 2);
  EXPECT_TRUE(rig.beat("b").assignment);
  EXPECT_EQ(rig.partitions("b").size(), 3u);
  EXPECT_TRUE(in_both(rig.owned["a"], rig.owned["b"]).empty());
  EXPECT_STREQ(rig.group->state_name(), "Stable");
}

TEST(ConsumerGroup, ASilentHeartbeatGivesNothingBack) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  rig.beat("a");
  ConsumerHeartbeat silent = rig.beating("a");
  silent.owned.reset();  // says nothing of what it reads
  EXPECT_EQ(rig.send(silent).epoch, 1);
  EXPECT_FALSE(rig.beat("b").assignment);
}

TEST(ConsumerGroup, WhoDoesNotGiveBackInTimeIsFenced) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  const PartitionSet before = rig.owned["a"];
  rig.beat("a");
  for (int i = 0; i < 6; ++i) {
    rig.owned["a"] = before;
    rig.pass_ms(9'999);
    EXPECT_EQ(rig.beat("a").error, KafkaError::none);
    rig.beat("b");
  }
  rig.pass_ms(6);
  EXPECT_EQ(rig.beat("a").error, KafkaError::unknown_member_id);
  rig.beat("b");
  EXPECT_EQ(rig.partitions("b").size(), 6u);
}

TEST(ConsumerGroup, WhoIsNotHeardOfIsGivenUp) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  rig.settle({"a", "b"});
  rig.pass_ms(44'999);
  rig.beat("a");
  EXPECT_EQ(rig.group->next_deadline_ns(), 45'000'000'000u);
  rig.pass_ms(1);
  EXPECT_EQ(rig.beat("b").error, KafkaError::unknown_member_id);
  rig.beat("a");
  EXPECT_EQ(rig.partitions("a").size(), 6u);
}

TEST(ConsumerGroup, LeavingGivesTheOthersWhatOneHad) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  rig.settle({"a", "b"});
  EXPECT_EQ(rig.leave("a"), KafkaError::none);
  EXPECT_EQ(rig.leave("a"), KafkaError::unknown_member_id);
  rig.beat("b");
  EXPECT_EQ(rig.partitions("b").size(), 6u);
  EXPECT_EQ(rig.leave("b"), KafkaError::none);
  EXPECT_STREQ(rig.group->state_name(), "Empty");
  EXPECT_EQ(rig.group->next_deadline_ns(), ConsumerGroup::kNoDeadline);
}

TEST(ConsumerGroup, RefusesEpochsThatCannotBe) {
  ConsumerRig rig;
  rig.join("a");
  rig.leave("b");
  for (const int32_t epoch : {2, 7, INT32_MAX}) {
    rig.epochs["a"] = epoch;
    EXPECT_EQ(rig.beat("a").error, KafkaError::fenced_member_epoch) << epoch;
  }
  rig.epochs["a"] = 1;
  EXPECT_EQ(rig.beat("a").error, KafkaError::none);
  EXPECT_EQ(rig.join("stranger").epoch, 2);
  rig.epochs["nobody"] = 1;
  EXPECT_EQ(rig.beat("nobody").error, KafkaError::unknown_member_id);
}

TEST(ConsumerGroup, ALostAnswerIsGivenAgain) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  rig.beat("a");
  rig.send(rig.beating("a"));  // gives back, and does not hear that it is in epoch 2
  const ConsumerHeartbeatAnswer again = rig.beat("a");
  EXPECT_EQ(again.error, KafkaError::none);
  EXPECT_EQ(again.epoch, 2);
  EXPECT_TRUE(again.assignment);

  // In an old epoch with more than it was given: it has missed more than an answer.
  rig.epochs["a"] = 1;
  rig.owned["a"] = in_either(rig.owned["a"], rig.owned["b"]);
  rig.owned["a"][rig.id_of("topic")] = {0, 1, 2, 3, 4, 5};
  EXPECT_EQ(rig.beat("a").error, KafkaError::fenced_member_epoch);
}

TEST(ConsumerGroup, AFencedMemberMayJoinAgainUnderItsId) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  rig.settle({"a", "b"});
  rig.epochs["a"] = 9;
  EXPECT_EQ(rig.beat("a").error, KafkaError::fenced_member_epoch);
  const ConsumerHeartbeatAnswer joined = rig.join("a");
  EXPECT_EQ(joined.error, KafkaError::none);
  EXPECT_EQ(rig.partitions("a").size(), 3u);  // its target has not changed
  EXPECT_EQ(joined.epoch, 2);
}

TEST(ConsumerGroup, IsNoLargerThanItMayBe) {
  ConsumerRig rig;
  rig.settings.consumer_members_max = 2;
  rig.join("a");
  rig.join("b");
  EXPECT_EQ(rig.join("c").error, KafkaError::group_max_size_reached);
  EXPECT_EQ(rig.join("b").error, KafkaError::none);
  rig.leave("a");
  EXPECT_EQ(rig.join("c").error, KafkaError::none);
}

TEST(ConsumerGroup, FollowsSubscriptions) {
  ConsumerRig rig;
  rig.put_topic("other", 2);
  rig.join("a");
  ConsumerHeartbeat heartbeat = rig.beating("a");
  heartbeat.topics = {{"topic", "other", "other", "nowhere"}};
  rig.heard("a", rig.send(heartbeat));
  EXPECT_EQ(rig.epochs["a"], 2);
  EXPECT_EQ(rig.partitions("a", "other"), (Partitions{0, 1}));
  EXPECT_EQ(rig.partitions("a").size(), 6u);
  EXPECT_TRUE(rig.group->is_subscribed_to("nowhere"));

  heartbeat = rig.beating("a");
  heartbeat.topics = {{"other", "nowhere", "topic"}};  // the same
  rig.heard("a", rig.send(heartbeat));
  EXPECT_EQ(rig.epochs["a"], 2);

  heartbeat.topics = {{"other"}};
  rig.heard("a", rig.send(heartbeat));
  EXPECT_EQ(rig.epochs["a"], 2);  // it has to give back
  rig.beat("a");
  EXPECT_EQ(rig.epochs["a"], 3);
  EXPECT_EQ(rig.partitions("a"), Partitions());
  EXPECT_FALSE(rig.group->is_subscribed_to("topic"));
}

TEST(ConsumerGroup, FollowsTopicsThatComeGrowAndGo) {
  ConsumerRig rig;
  rig.join("a", {"topic", "later"});
  const TopicId later = rig.put_topic("later", 1);
  rig.beat("a");
  EXPECT_EQ(rig.partitions("a", "later"), (Partitions{0}));
  rig.put_topic("later", 3);
  rig.beat("a");
  EXPECT_EQ(rig.partitions("a", "later"), (Partitions{0, 1, 2}));
  const int32_t epoch = rig.epochs["a"];
  rig.put_topic("unrelated", 3);
  rig.beat("a");
  EXPECT_EQ(rig.epochs["a"], epoch);
  rig.catalog.remove(later);
  rig.beat("a");
  rig.beat("a");
  EXPECT_EQ(rig.epochs["a"], epoch + 1);
  EXPECT_FALSE(rig.owned["a"].contains(later));

  // A new topic of the old name is another one.
  EXPECT_NE(rig.put_topic("later", 1), later);
  rig.beat("a");
  EXPECT_EQ(rig.partitions("a", "later"), (Partitions{0}));
}

TEST(ConsumerGroup, FollowsARegularExpression) {
  ConsumerRig rig;
  rig.put_topic("log-1", 1);
  rig.put_topic("__consumer_offsets", 50);
  ConsumerHeartbeat heartbeat = ConsumerRig::joining("a");
  heartbeat.topics.reset();
  heartbeat.pattern = "log-.*|.*offsets";
  rig.heard("a", rig.send(heartbeat));
  EXPECT_EQ(count_of(rig.owned["a"]), 1u);  // an internal topic is named, or not read
  EXPECT_EQ(rig.partitions("a", "log-1"), (Partitions{0}));
  rig.put_topic("log-2", 2);
  rig.put_topic("catalog-3", 2);  // the whole name must match
  rig.beat("a");
  EXPECT_EQ(count_of(rig.owned["a"]), 3u);
  EXPECT_TRUE(rig.group->is_subscribed_to("log-2"));

  heartbeat = rig.beating("a");
  heartbeat.pattern = "";  // none any more
  rig.heard("a", rig.send(heartbeat));
  rig.beat("a");
  EXPECT_TRUE(rig.owned["a"].empty());
}

TEST(ConsumerGroup, RefusesWhatIsNoRegularExpression) {
  ConsumerRig rig;
  for (const std::string_view pattern : {"(", "a{1000,}{1000,}", "(?=a)", "\\1", "[z-a]"}) {
    ConsumerHeartbeat heartbeat = ConsumerRig::joining("a");
    heartbeat.pattern = pattern;
    EXPECT_EQ(rig.send(heartbeat).error, KafkaError::invalid_regular_expression) << pattern;
  }
  EXPECT_FALSE(rig.group->has_members());
  EXPECT_TRUE(rig.log.empty());
}

TEST(ConsumerGroup, AHostileRegularExpressionTakesNoTime) {
  ConsumerRig rig;
  rig.put_topic(std::string(249, 'a'), 1);
  ConsumerHeartbeat heartbeat = ConsumerRig::joining("a", {});
  heartbeat.pattern = "(a*)*(a*)*(a*)*(a*)*b";  // takes a backtracking matcher for ever
  EXPECT_EQ(rig.send(heartbeat).error, KafkaError::none);
}

TEST(ConsumerGroup, UsesTheAssignorThatMostAskFor) {
  ConsumerRig rig;
  rig.put_topic("other", 6);
  ConsumerHeartbeat heartbeat = ConsumerRig::joining("a", {"topic", "other"});
  heartbeat.assignor = "range";
  rig.heard("a", rig.send(heartbeat));
  heartbeat.member_id = "b";
  rig.heard("b", rig.send(heartbeat));
  rig.settle({"a", "b"});
  EXPECT_EQ(rig.partitions("a", "topic"), (Partitions{0, 1, 2}));
  EXPECT_EQ(rig.partitions("a", "other"), (Partitions{0, 1, 2}));
  EXPECT_EQ(rig.group->describe(rig.view()).assignor, "range");
  heartbeat.assignor = "roundrobin";
  EXPECT_EQ(rig.send(heartbeat).error, KafkaError::unsupported_assignor);
  rig.settings.consumer_assignors = {Assignor::uniform};
  heartbeat.assignor = "range";
  EXPECT_EQ(rig.send(heartbeat).error, KafkaError::unsupported_assignor);
}

TEST(ConsumerGroup, AStaticMemberFindsWhatItHad) {
  ConsumerRig rig;
  const auto joining = [](std::string_view id) {
    ConsumerHeartbeat heartbeat = ConsumerRig::joining(id);
    heartbeat.instance_id = "instance";
    return heartbeat;
  };
  rig.heard("a", rig.send(joining("a")));
  rig.join("b");
  rig.settle({"a", "b"});
  const PartitionSet before = rig.owned["a"];
  EXPECT_EQ(rig.send(joining("c")).error, KafkaError::unreleased_instance_id);

  EXPECT_EQ(rig.leave("a", ConsumerHeartbeat::kLeaveForNow, "instance"), KafkaError::none);
  rig.beat("b");
  EXPECT_EQ(rig.partitions("b").size(), 3u);  // it may be back
  rig.heard("c", rig.send(joining("c")));
  EXPECT_EQ(rig.epochs["c"], 2);  // nothing has changed for the group
  EXPECT_EQ(rig.owned["c"], before);

  ConsumerHeartbeat old = rig.beating("a");
  old.instance_id = "instance";
  EXPECT_EQ(rig.send(old).error, KafkaError::fenced_instance_id);
  old.instance_id = "another";
  EXPECT_EQ(rig.send(old).error, KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group->remove_instance("another"), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group->remove_instance("instance"), KafkaError::none);
  rig.beat("b");
  EXPECT_EQ(rig.partitions("b").size(), 6u);
}

TEST(ConsumerGroup, AStaticMemberThatDoesNotComeBackIsGivenUp) {
  ConsumerRig rig;
  ConsumerHeartbeat heartbeat = ConsumerRig::joining("a");
  heartbeat.instance_id = "instance";
  rig.send(heartbeat);
  rig.leave("a", ConsumerHeartbeat::kLeaveForNow, "instance");
  EXPECT_EQ(rig.leave("a", ConsumerHeartbeat::kLeaveForNow, "other"),
            KafkaError::unknown_member_id);
  EXPECT_TRUE(rig.group->has_members());
  rig.pass_ms(45'000);
  EXPECT_FALSE(rig.group->has_members());
}

TEST(ConsumerGroup, KnowsWhoMayCommitAndFetch) {
  ConsumerRig rig;
  EXPECT_EQ(rig.group->admit_commit("", -1), KafkaError::none);
  rig.join("a");
  EXPECT_EQ(rig.group->admit_commit("a", 1), KafkaError::none);
  EXPECT_EQ(rig.group->admit_commit("a", 0), KafkaError::stale_member_epoch);
  EXPECT_EQ(rig.group->admit_commit("a", 2), KafkaError::stale_member_epoch);
  EXPECT_EQ(rig.group->admit_commit("b", 1), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group->admit_commit("", -1), KafkaError::unknown_member_id);
  EXPECT_EQ(rig.group->admit_fetch(std::nullopt, -1), KafkaError::none);
  EXPECT_EQ(rig.group->admit_fetch("a", 1), KafkaError::none);
  EXPECT_EQ(rig.group->admit_fetch("a", 2), KafkaError::stale_member_epoch);
  EXPECT_EQ(rig.group->admit_fetch("b", 1), KafkaError::unknown_member_id);
}

TEST(ConsumerGroup, ARecordThatCouldNotBeStoredComesAgain) {
  ConsumerRig rig;
  (void)rig.group->heartbeat(ConsumerRig::joining("a"), rig.view());
  const ConsumerGroup::Store lost = std::move(rig.group->take_store()).value();
  EXPECT_FALSE(rig.group->has_store());
  rig.group->store_failed(lost.names);
  EXPECT_TRUE(rig.group->is_behind());
  const ConsumerHeartbeatAnswer again = rig.group->heartbeat(ConsumerRig::joining("a"), rig.view());
  EXPECT_TRUE(again.assignment);
  rig.store();
  EXPECT_FALSE(rig.group->is_behind());
  rig.restart();
  EXPECT_TRUE(rig.group->has_members());
}

TEST(ConsumerGroup, GoesOnWhereItWasAfterARestart) {
  ConsumerRig rig;
  rig.join("a");
  rig.join("b");
  rig.beat("a");  // in the middle: "a" has yet to give back
  rig.restart();
  EXPECT_STREQ(rig.group->state_name(), "Reconciling");
  rig.beat("b");
  EXPECT_EQ(rig.partitions("b"), Partitions());
  EXPECT_EQ(rig.beat("a").epoch, 2);
  EXPECT_TRUE(rig.beat("b").assignment);
  EXPECT_EQ(rig.partitions("b").size(), 3u);
  rig.restart();
  EXPECT_STREQ(rig.group->state_name(), "Stable");
  rig.settle({"a", "b"});
  EXPECT_EQ(rig.epochs["a"], 2);  // a start is no change
  EXPECT_EQ(rig.epochs["b"], 2);
  rig.pass_ms(45'000);
  EXPECT_FALSE(rig.group->has_members());
}

// Members come, go, crash, stay silent, change their minds, and the process ends at any point: never do two read one
// partition, and when nothing moves any more every partition is read.
TEST(ConsumerGroup, NoPartitionHasTwoReadersWhateverComes) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&random](uint64_t bound) { return random() % bound; };
    ConsumerRig rig;
    rig.put_topic("other", 3);
    const std::vector<std::string> ids = {"a", "b", "c", "d"};
    std::map<std::string, PartitionSet> reading;  // what each really reads
    const auto hear = [&](const std::string& id, const ConsumerHeartbeatAnswer& answer) {
      rig.heard(id, answer);
      if (answer.error == KafkaError::none) {
        reading[id] = rig.owned[id];
        return;
      }
      rig.owned[id].clear();
      rig.epochs[id] = 0;
      reading[id].clear();
    };
    for (int step = 0; step < 60; ++step) {
      const std::string& id = ids[below(ids.size())];
      const bool member = rig.epochs[id] > 0;
      switch (below(8)) {
        case 0:
          if (member) rig.leave(id);
          reading[id].clear();
          rig.owned[id].clear();
          rig.epochs[id] = 0;
          break;
        case 1: rig.put_topic("other", static_cast<uint32_t>(3 + below(4))); break;
        case 2: rig.restart(); break;
        case 3:  // an answer is lost: it reads on what it read
          if (member) (void)rig.send(rig.beating(id));
          break;
        default:
          if (member) {
            ConsumerHeartbeat heartbeat = rig.beating(id);
            if (below(6) == 0) heartbeat.topics = {{"topic"}};
            if (below(6) == 0) heartbeat.topics = {{"other", "topic"}};
            hear(id, rig.send(heartbeat));
          } else {
            hear(id, rig.send(ConsumerRig::joining(id, {"topic", "other"})));
          }
      }
      for (const std::string& one : ids) {
        for (const std::string& other : ids) {
          if (one >= other) continue;
          EXPECT_TRUE(in_both(reading[one], reading[other]).empty());
        }
      }
    }
    for (int round = 0; round < 12; ++round) {
      for (const std::string& id : ids) {
        const bool member = rig.epochs[id] > 0;
        ConsumerHeartbeat heartbeat =
            member ? rig.beating(id) : ConsumerRig::joining(id, {"topic", "other"});
        heartbeat.topics = {{"topic", "other"}};
        hear(id, rig.send(heartbeat));
      }
    }
    EXPECT_STREQ(rig.group->state_name(), "Stable");
    size_t read = 0;
    for (const std::string& id : ids) read += count_of(reading[id]);
    EXPECT_EQ(read, 6 + rig.catalog.find("other")->partition_count);
  }
}

}  // namespace
}  // namespace penstock::kafka
