// What the coordinator's own files share: a group as it is kept, and the way to its reactor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "io/clock.h"
#include "io/event.h"
#include "net/kafka/groups/consumer_group.h"
#include "net/kafka/groups/group.h"
#include "net/kafka/groups/group_coordinator.h"

namespace penstock::kafka {

struct GroupCoordinator::Entry : std::enable_shared_from_this<Entry> {
  PartitionKey partition;
  // The group as the classic protocol has it, and the offsets of both: a group of the consumer protocol is empty here.
  std::unique_ptr<Group> group;
  std::shared_ptr<ConsumerGroup> consumer;  // null: it is a classic group
  GroupCoordinator* coordinator = nullptr;
  Timer timer;                     // not armed when it is erased
  size_t counted_bytes = 0;        // part of the coordinator's
  uint32_t appends_under_way = 0;  // it stays while there are any
  bool erased = false;

  // Of the consumer group's records, in the order in which they were appended: whoever is answered waits for all that
  // lie before.
  std::vector<NewGroupRecord> conversion;  // to be appended before its first
  uint64_t stores_begun = 0;
  std::set<uint64_t> stores_under_way;
  WaitQueue store_done;

  bool has_members() const { return group->has_members() || (consumer && consumer->has_members()); }
  uint64_t next_deadline_ns() const {
    const uint64_t classic_ns = group->next_deadline_ns();
    return consumer ? std::min(classic_ns, consumer->next_deadline_ns()) : classic_ns;
  }
  size_t memory_bytes() const {
    return group->memory_bytes() + (consumer ? consumer->memory_bytes() : 0);
  }
};

inline void set_error(KafkaError& answer, KafkaError error) { answer = error; }
template <class Answer>
void set_error(Answer& answer, KafkaError error) {
  answer.error = error;
}

// Calls `function(coordinator of the group, its partition)` on the group's reactor.
template <class Answer, class Function>
Task<Answer> GroupCoordinator::on_owner(std::string_view group_id, Function function) {
  const Result<Place> place = co_await find_place(group_id);
  if (!place.ok()) {
    Answer refusal{};
    set_error(refusal, coordinator_error_of(place.error()));
    co_return refusal;
  }
  GroupCoordinator* const there = place.value().owner;
  const PartitionKey partition = place.value().partition;
  co_return co_await call_on(engine_.doors().scheduler, place.value().reactor,
                             [there, partition, function] { return function(*there, partition); });
}

}  // namespace penstock::kafka
