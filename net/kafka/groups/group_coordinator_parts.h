// What the coordinator's own files share: a group as it is kept, and the way to its reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "io/clock.h"
#include "net/kafka/groups/group.h"
#include "net/kafka/groups/group_coordinator.h"

namespace penstock::kafka {

struct GroupCoordinator::Entry : std::enable_shared_from_this<Entry> {
  PartitionKey partition;
  std::unique_ptr<Group> group;
  GroupCoordinator* coordinator = nullptr;
  Timer timer;                     // not armed when it is erased
  size_t counted_bytes = 0;        // part of the coordinator's
  uint32_t appends_under_way = 0;  // it stays while there are any
  bool erased = false;
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
