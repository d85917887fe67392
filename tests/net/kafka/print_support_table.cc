// Prints a table of docs/kafka.md: `requests`, those that ApiVersions tells of, `topic-configs` or `node-properties`.
#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "engine/topic_config.h"
#include "net/kafka/api_text.h"
#include "net/kafka/broker_config.h"

namespace penstock::kafka {
namespace {

int print_requests() {
  fmt::print("| API | key | versions | notes |\n|---|---|---|---|\n");
  for (const Api& api : api_table()) {
    const ApiText* const text = find_text(api.key);
    if (text == nullptr) {
      fmt::print(stderr, "net/kafka/api_text.cc has no name for the request of key {}\n",
                 static_cast<int>(api.key));
      return 1;
    }
    fmt::print("| {} | {} | {} to {} | {} |\n", text->name, static_cast<int>(api.key),
               api.advertised.first, api.advertised.last, text->note);
  }
  return 0;
}

int print_topic_configs() {
  fmt::print("| config | the node's | default | takes | |\n|---|---|---|---|---|\n");
  for (const TopicConfigEntry& entry : topic_config_table()) {
    fmt::print("| {} | {} | {} | {} | {} |\n", entry.name, entry.node_name, entry.default_text,
               entry.values, entry.doc);
  }
  return 0;
}

int print_node_properties() {
  fmt::print("| property | default | takes | |\n|---|---|---|---|\n");
  const BrokerConfig config;
  for (const BrokerProperty& property : config.properties()) {
    fmt::print("| {}{} | {} | {} | {} |\n", property.name, property.dynamic() ? " *" : "",
               property.default_text.value_or(""), property.values, property.doc);
  }
  return 0;
}

}  // namespace
}  // namespace penstock::kafka

int main(int argc, char** argv) {
  const std::string_view wanted = argc == 2 ? argv[1] : "";
  if (wanted == "requests") return penstock::kafka::print_requests();
  if (wanted == "topic-configs") return penstock::kafka::print_topic_configs();
  if (wanted == "node-properties") return penstock::kafka::print_node_properties();
  fmt::print(stderr, "usage: print_support_table requests|topic-configs|node-properties\n");
  return 2;
}
