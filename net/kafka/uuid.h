// Topic ids on the wire.
#pragma once

#include "engine/types.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

// Both halves big endian, the high one first.
inline Uuid uuid_of(const TopicId& id) {
  Uuid uuid;
  for (size_t i = 0; i < 8; ++i) {
    uuid.bytes[i] = static_cast<std::byte>(id.high >> (56 - 8 * i));
    uuid.bytes[8 + i] = static_cast<std::byte>(id.low >> (56 - 8 * i));
  }
  return uuid;
}

inline TopicId topic_id_of(const Uuid& uuid) {
  TopicId id;
  for (size_t i = 0; i < 8; ++i) {
    id.high = id.high << 8 | std::to_integer<uint64_t>(uuid.bytes[i]);
    id.low = id.low << 8 | std::to_integer<uint64_t>(uuid.bytes[8 + i]);
  }
  return id;
}

}  // namespace penstock::kafka
