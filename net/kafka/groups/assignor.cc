#include "net/kafka/groups/assignor.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "net/kafka/groups/uniform_assignment.h"

namespace penstock::kafka {
namespace {

// Static members first, by their instances: those come back under other ids, and are to find what they had.
bool comes_before(const AssignorMember& a, const AssignorMember& b) {
  if (a.instance_id.has_value() != b.instance_id.has_value()) return a.instance_id.has_value();
  return std::tie(a.instance_id, a.id) < std::tie(b.instance_id, b.id);
}

std::vector<PartitionSet> assign_ranges(const std::vector<AssignorMember>& members,
                                        const std::map<TopicId, int32_t>& topics) {
  std::vector<uint32_t> order(members.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(
      order, [&members](uint32_t a, uint32_t b) { return comes_before(members[a], members[b]); });
  std::map<TopicId, std::vector<uint32_t>> subscribers;
  for (const uint32_t member : order) {
    for (const TopicId& topic : *members[member].topics) subscribers[topic].push_back(member);
  }
  std::vector<PartitionSet> assigned(members.size());
  for (const auto& [topic, readers] : subscribers) {
    const auto found = topics.find(topic);
    if (found == topics.end()) continue;
    const auto count = static_cast<uint32_t>(found->second);
    const auto reader_count = static_cast<uint32_t>(readers.size());
    uint32_t next = 0;
    for (uint32_t i = 0; i < reader_count && next < count; ++i) {
      const uint32_t share = count / reader_count + (i < count % reader_count ? 1 : 0);
      std::vector<int32_t>& run = assigned[readers[i]][topic];
      for (uint32_t end = next + share; next < end; ++next) {
        run.push_back(static_cast<int32_t>(next));
      }
    }
  }
  return assigned;
}

}  // namespace

const char* name_of(Assignor assignor) {
  return assignor == Assignor::uniform ? "uniform" : "range";
}

std::optional<Assignor> assignor_named(std::string_view name) {
  for (const Assignor assignor : {Assignor::uniform, Assignor::range}) {
    if (name == name_of(assignor)) return assignor;
  }
  return std::nullopt;
}

std::vector<PartitionSet> assign(Assignor assignor, const std::vector<AssignorMember>& members,
                                 const std::map<TopicId, int32_t>& topics) {
  if (assignor == Assignor::range) return assign_ranges(members, topics);
  return UniformAssignment(members, topics).solve();
}

}  // namespace penstock::kafka
