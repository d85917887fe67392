// Which topics the group is subscribed to, and what of them every member is to have.
#include <algorithm>
#include <limits>
#include <utility>

#include "net/kafka/groups/consumer_group.h"
#include "net/kafka/groups/topic_pattern.h"
#include "net/kafka/internal_topics.h"

namespace penstock::kafka {

void ConsumerGroup::begin_epoch() {
  want_store(ConsumerRecordKind::group);
  if (state_.epoch < std::numeric_limits<int32_t>::max()) {
    ++state_.epoch;
    return;
  }
  state_.epoch = 1;
  state_.target_epoch = 0;
  want_store(ConsumerRecordKind::target_epoch);
}

// The topics that only they were subscribed to are forgotten at once: that is no change of its own.
void ConsumerGroup::members_left() {
  std::map<std::string, ConsumerGroupState::Topic, std::less<>> rest;
  for_each_subscribed([&](const std::string& name) {
    const auto found = state_.topics.find(name);
    if (found != state_.topics.end()) rest.emplace(name, found->second);
  });
  if (rest != state_.topics) {
    state_.topics = std::move(rest);
    want_store(ConsumerRecordKind::topics);
  }
  begin_epoch();
}

void ConsumerGroup::count_subscription(const ConsumerMember& member, bool added) {
  const auto count = [added](auto& counts, const std::string& name) {
    uint32_t& users = counts[name];
    users += added ? 1 : -1;
    if (users > 0) return false;
    counts.erase(name);
    return true;
  };
  for (const std::string& name : member.topics) (void)count(subscribers_, name);
  if (!member.pattern.empty() && count(pattern_users_, member.pattern)) {
    if (state_.patterns.erase(member.pattern) > 0) {
      want_store(ConsumerRecordKind::pattern, member.pattern);
    }
  }
  subscriptions_changed_ = true;
}

template <class Visit>
void ConsumerGroup::for_each_subscribed(Visit visit) const {
  for (const auto& [name, count] : subscribers_) visit(name);
  for (const auto& [text, pattern] : state_.patterns) {
    for (const std::string& name : pattern.topics) visit(name);
  }
}

bool ConsumerGroup::are_topics_current(const CatalogView& catalog,
                                       const std::string& pattern) const {
  if (subscriptions_changed_ || catalog_revision_ != catalog.revision()) return false;
  if (pattern.empty()) return true;
  const auto found = state_.patterns.find(pattern);
  return found != state_.patterns.end() && found->second.revision == catalog.revision();
}

// A member's heartbeat looks through its own pattern only: so many patterns cost each of them one.
void ConsumerGroup::look_through(const CatalogView& catalog, const std::string& pattern) {
  ConsumerGroupState::Pattern& known = state_.patterns[pattern];
  if (known.revision == catalog.revision()) return;
  const TopicPattern expression(pattern);
  std::vector<std::string> matching;
  for (const auto& [name, topic] : catalog.topics()) {
    if (!is_internal_topic(name) && expression.matches(name)) matching.push_back(name);
  }
  const bool first = !known.revision && known.timestamp_ms == 0;
  if (first || matching != known.topics) {
    known.topics = std::move(matching);
    known.version = static_cast<int64_t>(catalog.revision());
    known.timestamp_ms = clock_.wall_ms();
    want_store(ConsumerRecordKind::pattern, pattern);
  }
  known.revision = catalog.revision();
}

bool ConsumerGroup::refresh_topics(const CatalogView& catalog, const std::string& pattern) {
  if (!pattern.empty()) look_through(catalog, pattern);
  catalog_revision_ = catalog.revision();
  subscriptions_changed_ = false;
  std::map<std::string, ConsumerGroupState::Topic, std::less<>> now;
  for_each_subscribed([&](const std::string& name) {
    const Topic* topic = catalog.find(name);
    if (topic == nullptr) return;
    now.insert_or_assign(
        name, ConsumerGroupState::Topic{topic->id, static_cast<int32_t>(topic->partition_count)});
  });
  if (now == state_.topics) return false;
  state_.topics = std::move(now);
  want_store(ConsumerRecordKind::topics);
  return true;
}

std::vector<TopicId> ConsumerGroup::topics_of(const ConsumerMember& member) const {
  std::vector<TopicId> ids;
  const auto add = [&](const std::string& name) {
    const auto found = state_.topics.find(name);
    if (found != state_.topics.end()) ids.push_back(found->second.id);
  };
  for (const std::string& name : member.topics) add(name);
  const auto pattern = state_.patterns.find(member.pattern);
  if (pattern != state_.patterns.end()) {
    for (const std::string& name : pattern->second.topics) add(name);
  }
  std::ranges::sort(ids);
  const auto rest = std::ranges::unique(ids);
  ids.erase(rest.begin(), rest.end());
  return ids;
}

// The one that most members ask for; the first one of the node's if nobody does.
Assignor ConsumerGroup::chosen_assignor() const {
  std::map<Assignor, uint32_t> votes;
  for (const auto& [id, member] : state_.members) {
    const auto wanted = member.assignor ? assignor_named(*member.assignor) : std::nullopt;
    if (wanted && std::ranges::count(settings_.consumer_assignors, *wanted) > 0) ++votes[*wanted];
  }
  Assignor chosen = settings_.consumer_assignors.front();
  for (const auto& [assignor, count] : votes) {
    if (count > votes[chosen]) chosen = assignor;
  }
  return chosen;
}

void ConsumerGroup::compute_targets() {
  // Members with the same subscription share one list.
  using Subscription = std::pair<std::string_view, const std::vector<std::string>*>;
  const auto less = [](const Subscription& a, const Subscription& b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  };
  std::map<Subscription, std::vector<TopicId>, decltype(less)> subscriptions(less);
  std::map<TopicId, int32_t> partition_counts;
  for (const auto& [name, topic] : state_.topics)
    partition_counts[topic.id] = topic.partition_count;
  std::vector<AssignorMember> members;
  for (const auto& [id, member] : state_.members) {
    const Subscription subscription{member.pattern, &member.topics};
    auto found = subscriptions.find(subscription);
    if (found == subscriptions.end()) {
      found = subscriptions.emplace(subscription, topics_of(member)).first;
    }
    members.push_back({id, member.instance_id, &found->second, &member.target});
  }
  std::vector<PartitionSet> targets = assign(chosen_assignor(), members, partition_counts);
  size_t next = 0;
  for (auto& [id, member] : state_.members) {
    PartitionSet& target = targets[next++];
    if (target == member.target) continue;
    member.target = std::move(target);
    want_store(ConsumerRecordKind::target, id);
  }
  state_.target_epoch = state_.epoch;
  want_store(ConsumerRecordKind::target_epoch);
}

bool ConsumerGroup::is_subscribed_to(std::string_view topic) const {
  if (subscribers_.contains(topic)) return true;
  return std::ranges::any_of(state_.patterns, [topic](const auto& entry) {
    return std::ranges::binary_search(entry.second.topics, topic);
  });
}

}  // namespace penstock::kafka
