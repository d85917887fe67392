// What a client asks to be changed of a configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/topic_config.h"
#include "io/result.h"

namespace penstock {

struct ConfigChange {
  enum class Operation : uint8_t {
    set,
    remove,    // its default again; nothing if it has no value of its own
    append,    // of a list: these items too
    subtract,  // of a list: without these items
  };
  Operation operation = Operation::set;
  std::string name;
  std::string value;
};

// A list of them, applied together or not at all.
struct ConfigChanges {
  // Finds what a name means: `find_topic_config`, or `find_topic_config_of_node` for the node's defaults.
  using Find = const TopicConfigEntry* (*)(std::string_view name);

  bool replaces_all = false;  // what is not named loses its value
  std::vector<ConfigChange> changes;

  // `entries` after the changes. A list that has no value yet begins as it is in `defaults`. Error::invalid_argument,
  // and `what` says why. Values are as given: who takes them parses them.
  Result<TopicConfig::Entries> apply_to(const TopicConfig::Entries& entries, Find find,
                                        const TopicConfig& defaults, std::string& what) const;
};

}  // namespace penstock
