// What a reader of docs/kafka.md is told of each request: its name, and where it differs from Kafka's.
#pragma once

#include <string_view>

#include "net/kafka/api.h"

namespace penstock::kafka {

struct ApiText {
  ApiKey key;
  std::string_view name;  // as Kafka's documents spell it
  std::string_view note;  // for the support table; may be empty
};

// Of every Api in api_table(); null for a key that is not served.
const ApiText* find_text(ApiKey key);

}  // namespace penstock::kafka
