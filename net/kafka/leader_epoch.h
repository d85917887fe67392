// Clients say which leader they believe in.
#pragma once

#include "engine/types.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

// -1 is "do not check".
inline KafkaError check_leader_epoch(int32_t claimed, LeaderEpoch actual) {
  if (claimed < 0 || claimed == actual.value) return KafkaError::none;
  return claimed < actual.value ? KafkaError::fenced_leader_epoch
                                : KafkaError::unknown_leader_epoch;
}

}  // namespace penstock::kafka
