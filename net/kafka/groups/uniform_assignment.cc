#include "net/kafka/groups/uniform_assignment.h"

#include <algorithm>

namespace penstock::kafka {

UniformAssignment::UniformAssignment(const std::vector<AssignorMember>& members,
                                     const std::map<TopicId, int32_t>& topics)
    : members_(members), loads_(members.size(), 0), owned_(members.size()) {
  for (const auto& [id, partition_count] : topics) {
    topic_numbers_[id] = static_cast<uint32_t>(topics_.size());
    topics_.push_back(
        {id, std::vector<uint32_t>(static_cast<size_t>(partition_count), kNobody), {}});
  }
}

std::vector<PartitionSet> UniformAssignment::solve() {
  find_audiences();
  keep_what_was();
  give_the_rest();
  even_out();
  std::vector<PartitionSet> assigned(members_.size());
  for (const Topic& topic : topics_) {
    for (size_t partition = 0; partition < topic.owners.size(); ++partition) {
      const uint32_t owner = topic.owners[partition];
      if (owner != kNobody) assigned[owner][topic.id].push_back(static_cast<int32_t>(partition));
    }
  }
  return assigned;
}

void UniformAssignment::find_audiences() {
  std::map<const std::vector<TopicId>*, uint32_t> numbers;
  for (uint32_t member = 0; member < members_.size(); ++member) {
    const std::vector<TopicId>* subscribed = members_[member].topics;
    const auto [at, first] = numbers.try_emplace(subscribed, audiences_.size());
    if (first) {
      audiences_.emplace_back();
      for (const TopicId& id : *subscribed) {
        const auto topic = topic_numbers_.find(id);
        if (topic != topic_numbers_.end()) topics_[topic->second].audiences.push_back(at->second);
      }
    }
    audiences_[at->second].members.push_back(member);
  }
}

void UniformAssignment::keep_what_was() {
  for (uint32_t member = 0; member < members_.size(); ++member) {
    for (const auto& [id, partitions] : *members_[member].before) {
      const auto found = topic_numbers_.find(id);
      if (found == topic_numbers_.end()) continue;
      if (!std::ranges::binary_search(*members_[member].topics, id)) continue;
      std::vector<uint32_t>& owners = topics_[found->second].owners;
      for (const int32_t partition : partitions) {
        const auto at = static_cast<size_t>(partition);
        if (partition < 0 || at >= owners.size() || owners[at] != kNobody) continue;
        owners[at] = member;
        owned_[member][found->second].push_back(partition);
        ++loads_[member];
      }
    }
  }
}

void UniformAssignment::give_the_rest() {
  for (Audience& audience : audiences_) {
    for (const uint32_t member : audience.members) audience.by_load.emplace(loads_[member], member);
  }
  for (uint32_t topic = 0; topic < topics_.size(); ++topic) give_the_rest_of(topic);
}

uint32_t UniformAssignment::least_loaded(Audience& audience) {
  while (audience.by_load.top().first != loads_[audience.by_load.top().second]) {
    const uint32_t member = audience.by_load.top().second;
    audience.by_load.pop();
    audience.by_load.emplace(loads_[member], member);
  }
  return audience.by_load.top().second;
}

void UniformAssignment::give_the_rest_of(uint32_t topic) {
  Topic& given = topics_[topic];
  if (given.audiences.empty()) return;
  using Candidate = std::pair<std::pair<uint32_t, uint32_t>, uint32_t>;  // load, member; audience
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto nominate = [&](uint32_t audience) {
    const uint32_t member = least_loaded(audiences_[audience]);
    candidates.push({{loads_[member], member}, audience});
  };
  for (const uint32_t audience : given.audiences) nominate(audience);
  for (size_t partition = 0; partition < given.owners.size(); ++partition) {
    if (given.owners[partition] != kNobody) continue;
    const auto [candidate, audience] = candidates.top();
    candidates.pop();
    const uint32_t member = candidate.second;
    given.owners[partition] = member;
    owned_[member][topic].push_back(static_cast<int32_t>(partition));
    ++loads_[member];
    nominate(audience);
  }
}

void UniformAssignment::even_out() {
  for (uint32_t member = 0; member < members_.size(); ++member) {
    unsettled_.emplace(loads_[member], member);
  }
  while (!unsettled_.empty() && steps_left_ > 0) {
    const auto [load, member] = *unsettled_.rbegin();
    if (load < 2) return;
    Search search;
    const std::optional<uint32_t> receiver = find_receiver(member, search);
    if (receiver) {
      pass_on(*receiver, search);
      continue;
    }
    // Those it reaches have no less than one fewer, and reach nobody else: they are as even as they can be.
    for (const uint32_t reached : search.reached) unsettled_.erase({loads_[reached], reached});
  }
}

std::optional<uint32_t> UniformAssignment::find_receiver(uint32_t from, Search& search) {
  search.steps.resize(members_.size());
  search.audiences_seen.resize(audiences_.size());
  steps_left_ -= std::min<uint64_t>(steps_left_, (members_.size() + audiences_.size()) / 16);
  search.steps[from] = Step{};
  search.reached.push_back(from);
  for (size_t next = 0; next < search.reached.size() && steps_left_ > 0; ++next) {
    const uint32_t best = expand(search.reached[next], search);
    if (best != kNobody && loads_[best] + 2 <= loads_[from]) return best;
  }
  return std::nullopt;
}

// The one with the least load of those that `member` reaches and nobody has before.
uint32_t UniformAssignment::expand(uint32_t member, Search& search) {
  uint32_t best = kNobody;
  for (const auto& [topic, partitions] : owned_[member]) {
    for (const uint32_t audience : topics_[topic].audiences) {
      if (search.audiences_seen[audience]) continue;
      search.audiences_seen[audience] = true;
      for (const uint32_t reached : audiences_[audience].members) {
        if (steps_left_ > 0) --steps_left_;
        if (search.steps[reached]) continue;
        search.steps[reached] = Step{member, topic};
        search.reached.push_back(reached);
        if (best == kNobody || loads_[reached] < loads_[best]) best = reached;
      }
    }
  }
  return best;
}

void UniformAssignment::set_load(uint32_t member, uint32_t load) {
  if (unsettled_.erase({loads_[member], member}) > 0) unsettled_.emplace(load, member);
  loads_[member] = load;
}

void UniformAssignment::pass_on(uint32_t receiver, const Search& search) {
  uint32_t to = receiver;
  for (Step step = *search.steps[to]; step.from != kNobody; step = *search.steps[to]) {
    const auto giving = owned_[step.from].find(step.topic);
    const int32_t partition = giving->second.back();
    giving->second.pop_back();
    if (giving->second.empty()) owned_[step.from].erase(giving);
    owned_[to][step.topic].push_back(partition);
    topics_[step.topic].owners[static_cast<size_t>(partition)] = to;
    to = step.from;
  }
  set_load(receiver, loads_[receiver] + 1);
  set_load(to, loads_[to] - 1);
}

}  // namespace penstock::kafka
