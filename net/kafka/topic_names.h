// Topics whose names Kafka takes for one: its metrics have '_' where a name has '.'.
#pragma once

#include <algorithm>
#include <string_view>

#include "engine/topic.h"

namespace penstock::kafka {

inline bool names_collide(std::string_view one, std::string_view other) {
  const auto plain = [](char c) { return c == '.' ? '_' : c; };
  return std::ranges::equal(one, other, {}, plain, plain);
}

// One that `name` collides with, be it its own or another's; null: none.
inline const Topic* colliding_topic(const CatalogSnapshot& catalog, std::string_view name) {
  if (name.find_first_of("._") == std::string_view::npos) return catalog.find(name);
  for (const auto& [taken, topic] : catalog.topics()) {
    if (names_collide(taken, name)) return topic.get();
  }
  return nullptr;
}

}  // namespace penstock::kafka
