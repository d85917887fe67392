// Who is to read what: every partition once, evenly, and with as few changes as can be.
#include "net/kafka/groups/assignor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

namespace penstock::kafka {
namespace {

TopicId topic_id(uint64_t number) { return {1, number}; }

// Members, what they subscribe to, and what they have.
struct AssignorRig {
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::vector<TopicId> topics;
    PartitionSet assigned;
  };

  Member& add(std::string id, const std::vector<uint64_t>& topic_numbers) {
    Member& member = members.emplace_back();
    member.id = std::move(id);
    for (const uint64_t number : topic_numbers) member.topics.push_back(topic_id(number));
    return member;
  }
  void run(Assignor assignor = Assignor::uniform) {
    std::vector<AssignorMember> asked;
    for (const Member& member : members) {
      asked.push_back({member.id, member.instance_id, &member.topics, &member.assigned});
    }
    std::vector<PartitionSet> assigned = assign(assignor, asked, topics);
    ASSERT_EQ(assigned.size(), members.size());
    for (size_t i = 0; i < members.size(); ++i) members[i].assigned = std::move(assigned[i]);
  }
  std::vector<size_t> loads() const {
    std::vector<size_t> loads;
    for (const Member& member : members) loads.push_back(count_of(member.assigned));
    return loads;
  }
  bool subscribed(const Member& member, const TopicId& topic) const {
    return std::ranges::count(member.topics, topic) > 0;
  }

  // Each partition that somebody subscribes to has one owner, who subscribes to it; nothing else has any.
  void expect_complete() const {
    std::map<TopicId, std::map<int32_t, int>> owners;
    for (const Member& member : members) {
      for (const auto& [topic, partitions] : member.assigned) {
        EXPECT_TRUE(subscribed(member, topic));
        EXPECT_TRUE(std::ranges::is_sorted(partitions));
        for (const int32_t partition : partitions) ++owners[topic][partition];
      }
    }
    for (const auto& [topic, count] : topics) {
      const bool wanted = std::ranges::any_of(
          members, [&, &topic = topic](const Member& member) { return subscribed(member, topic); });
      for (int32_t partition = 0; partition < count; ++partition) {
        EXPECT_EQ(owners[topic][partition], wanted ? 1 : 0);
      }
      EXPECT_EQ(owners[topic].size(), static_cast<size_t>(count));
    }
  }

  // Nobody has two more than anybody that a partition of its own could be passed to, over others if need be.
  void expect_even() const {
    for (const Member& from : members) {
      std::vector<const Member*> reached = {&from};
      for (size_t next = 0; next < reached.size(); ++next) {
        EXPECT_LE(count_of(from.assigned), count_of(reached[next]->assigned) + 1);
        for (const auto& [topic, partitions] : reached[next]->assigned) {
          for (const Member& member : members) {
            const bool known = std::ranges::count(reached, &member) > 0;
            if (!known && subscribed(member, topic)) reached.push_back(&member);
          }
        }
      }
    }
  }

  std::map<TopicId, int32_t> topics;
  std::deque<Member> members;
};

TEST(UniformAssignor, SharesPartitionsOutEvenly) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 5}, {topic_id(2), 6}};
  for (const char* id : {"a", "b", "c"}) rig.add(id, {1, 2});
  rig.run();
  rig.expect_complete();
  rig.expect_even();
  EXPECT_EQ(rig.loads(), (std::vector<size_t>{4, 4, 3}));
}

TEST(UniformAssignor, MovesNoMoreThanANewMemberNeeds) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 12}};
  for (const char* id : {"a", "b", "c"}) rig.add(id, {1});
  rig.run();
  const std::deque<AssignorRig::Member> before = rig.members;
  rig.add("d", {1});
  rig.run();
  rig.expect_complete();
  EXPECT_EQ(rig.loads(), (std::vector<size_t>{3, 3, 3, 3}));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(includes(before[i].assigned, rig.members[i].assigned)) << i;
  }
}

TEST(UniformAssignor, GivesAwayOnlyWhatAMemberThatLeftHad) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 12}};
  for (const char* id : {"a", "b", "c", "d"}) rig.add(id, {1});
  rig.run();
  rig.members.pop_front();
  const std::deque<AssignorRig::Member> before = rig.members;
  rig.run();
  rig.expect_complete();
  EXPECT_EQ(rig.loads(), (std::vector<size_t>{4, 4, 4}));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(includes(rig.members[i].assigned, before[i].assigned)) << i;
  }
}

TEST(UniformAssignor, PassesPartitionsOnOverOthers) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 3}, {topic_id(2), 2}, {topic_id(3), 1}};
  // "a" can relieve itself of topic 1 only to "b", and "b" of topic 2 only to "c".
  rig.add("a", {1}).assigned = {{topic_id(1), {0, 1, 2}}};
  rig.add("b", {1, 2}).assigned = {{topic_id(2), {0, 1}}};
  rig.add("c", {2, 3}).assigned = {{topic_id(3), {0}}};
  rig.run();
  rig.expect_complete();
  EXPECT_EQ(rig.loads(), (std::vector<size_t>{2, 2, 2}));
}

TEST(UniformAssignor, IgnoresWhatNoLongerIs) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 2}};
  // A topic that is gone, one no longer subscribed to, partitions that there are not, and one that two claim.
  rig.add("a", {1}).assigned = {{topic_id(1), {-1, 0, 7}}, {topic_id(8), {0}}, {topic_id(9), {0}}};
  rig.add("b", {1}).assigned = {{topic_id(1), {0}}};
  rig.topics[topic_id(8)] = 1;
  rig.run();
  rig.topics.erase(topic_id(8));
  rig.expect_complete();
  EXPECT_EQ(rig.members[0].assigned, (PartitionSet{{topic_id(1), {0}}}));
  EXPECT_EQ(rig.members[1].assigned, (PartitionSet{{topic_id(1), {1}}}));
}

TEST(UniformAssignor, IsCompleteAndEvenWhateverComes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&random](uint64_t bound) { return random() % bound; };
    AssignorRig rig;
    for (int step = 0; step < 6; ++step) {
      const uint64_t change = below(3);
      if (change == 0 || rig.topics.empty()) {
        rig.topics[topic_id(below(6))] = static_cast<int32_t>(1 + below(9));
      } else if (change == 1 && rig.members.size() > 1) {
        rig.members.erase(rig.members.begin() + static_cast<ptrdiff_t>(below(rig.members.size())));
      }
      std::vector<uint64_t> subscription;
      for (uint64_t number = 0; number < 6; ++number) {
        if (below(2) == 0) subscription.push_back(number);
      }
      rig.add(std::to_string(step), subscription);
      rig.run();
      rig.expect_complete();
      rig.expect_even();
      const std::deque<AssignorRig::Member> before = rig.members;
      rig.run();  // nothing has changed
      for (size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(rig.members[i].assigned, before[i].assigned);
      }
    }
  }
}

TEST(UniformAssignor, EndsSoonForALargeGroup) {
  AssignorRig rig;
  for (uint64_t number = 0; number < 20; ++number) rig.topics[topic_id(number)] = 100;
  std::vector<uint64_t> all;
  for (uint64_t number = 0; number < 20; ++number) all.push_back(number);
  rig.add("0", all);
  rig.run();
  for (int i = 1; i < 100; ++i) rig.add(std::to_string(i), all);
  rig.run();
  rig.expect_complete();
  EXPECT_EQ(std::ranges::max(rig.loads()), 20u);
  EXPECT_EQ(std::ranges::min(rig.loads()), 20u);
}

TEST(RangeAssignor, GivesRunsOfEachTopic) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 5}, {topic_id(2), 5}, {topic_id(3), 1}};
  rig.add("b", {1, 2});
  rig.add("a", {1, 2, 3});
  rig.run(Assignor::range);
  rig.expect_complete();
  EXPECT_EQ(rig.members[1].assigned,
            (PartitionSet{{topic_id(1), {0, 1, 2}}, {topic_id(2), {0, 1, 2}}, {topic_id(3), {0}}}));
  EXPECT_EQ(rig.members[0].assigned, (PartitionSet{{topic_id(1), {3, 4}}, {topic_id(2), {3, 4}}}));
}

TEST(RangeAssignor, GivesAStaticMemberTheSameWhateverItsId) {
  AssignorRig rig;
  rig.topics = {{topic_id(1), 4}};
  rig.add("x", {1}).instance_id = "one";
  rig.add("y", {1}).instance_id = "two";
  rig.run(Assignor::range);
  const PartitionSet before = rig.members[0].assigned;
  rig.members[0].id = "z";
  rig.run(Assignor::range);
  EXPECT_EQ(rig.members[0].assigned, before);
}

TEST(Assignors, HaveKafkasNames) {
  EXPECT_EQ(assignor_named("uniform"), Assignor::uniform);
  EXPECT_EQ(assignor_named("range"), Assignor::range);
  EXPECT_EQ(assignor_named("roundrobin"), std::nullopt);
}

}  // namespace
}  // namespace penstock::kafka
