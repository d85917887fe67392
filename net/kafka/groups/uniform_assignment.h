// One run of the uniform assignor.
//
// Members keep what they had; what is left goes to whoever has least; then partitions are passed on from those that have
// most, along chains of members where nobody can take one directly, for as long as that evens out the loads. Nobody
// then has two partitions more than anybody its own could have been passed to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "net/kafka/groups/assignor.h"

namespace penstock::kafka {

class UniformAssignment {
 public:
  // Both outlive it.
  UniformAssignment(const std::vector<AssignorMember>& members,
                    const std::map<TopicId, int32_t>& topics);

  std::vector<PartitionSet> solve();

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;

  struct Topic {
    TopicId id;
    std::vector<uint32_t> owners;     // per partition
    std::vector<uint32_t> audiences;  // that subscribe to it
  };
  // Members with the same subscription.
  struct Audience {
    std::vector<uint32_t> members;
    // Load and member; one whose load has grown meanwhile stands there with its old one.
    std::priority_queue<std::pair<uint32_t, uint32_t>, std::vector<std::pair<uint32_t, uint32_t>>,
                        std::greater<>>
        by_load;
  };
  // How a member was reached: by a partition of `topic` from `from`.
  struct Step {
    uint32_t from = kNobody;
    uint32_t topic = 0;
  };
  struct Search {
    std::vector<std::optional<Step>> steps;  // per member
    std::vector<bool> audiences_seen;
    std::vector<uint32_t> reached;  // in the order in which they were
  };

  void find_audiences();
  void keep_what_was();
  void give_the_rest();
  void give_the_rest_of(uint32_t topic);
  uint32_t least_loaded(Audience& audience);
  void even_out();
  // The one that `from` can pass a partition to, over others if need be, and that has two less at least.
  std::optional<uint32_t> find_receiver(uint32_t from, Search& search);
  uint32_t expand(uint32_t member, Search& search);
  void pass_on(uint32_t receiver, const Search& search);
  void set_load(uint32_t member, uint32_t load);

  const std::vector<AssignorMember>& members_;
  std::vector<Topic> topics_;
  std::map<TopicId, uint32_t> topic_numbers_;
  std::vector<Audience> audiences_;
  std::vector<uint32_t> loads_;                                  // per member
  std::vector<std::map<uint32_t, std::vector<int32_t>>> owned_;  // per member: by topic
  std::set<std::pair<uint32_t, uint32_t>> unsettled_;            // load and member
  // A group made to be hard must not hold up everybody else's: what is left uneven then is as right as any.
  uint64_t steps_left_ = 20'000'000;
};

}  // namespace penstock::kafka
