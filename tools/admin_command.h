// What `penstock topic`, `penstock config` and `penstock group` share: where the cluster is, and how results are printed.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/kafka/kafka_error.h"
#include "tools/command.h"
#include "tools/kafka_session.h"

namespace penstock {

struct AdminOptions {
  std::string bootstrap = "127.0.0.1:9092";
  int patience_ms = 30'000;
  bool json = false;
};

// Adds a command with those options alone.
Command add_admin_options(const Command& parent, const std::string& name,
                          const std::string& description, AdminOptions& options);

// Connects and runs `work`, which answers the exit status. What it leaves in `wrong` is told.
int run_admin(const AdminOptions& options,
              const std::function<int(KafkaCluster& cluster, std::string& wrong)>& work);

// The command, and the options it fills in, AdminOptions and more, which `work` is given. Where they have a check(), it
// refuses what makes no sense.
template <class Options>
std::pair<Command, std::shared_ptr<Options>> add_admin_command(
    const Command& parent, std::function<int()>& chosen, const std::string& name,
    const std::string& description, int (*work)(const Options&, KafkaCluster&, std::string&)) {
  const auto options = std::make_shared<Options>();
  const Command command = add_admin_options(parent, name, description, *options);
  command.callback([options, work, &chosen] {
    if constexpr (requires { options->check(); }) options->check();
    chosen = [options, work] {
      return run_admin(*options, [options, work](KafkaCluster& cluster, std::string& wrong) {
        return work(*options, cluster, wrong);
      });
    };
  });
  return {command, options};
}

// What a broker said of something that it refused: the error's name, and its text where it gave one.
std::string refusal_text(const std::string& what, kafka::KafkaError error,
                         const std::optional<std::string_view>& text);

// "name=value" of an option. Refused without a name.
std::pair<std::string, std::string> split_config(const std::string& option,
                                                 const std::string& text);

// An array of objects with the same names: as it is, or as a table, its names above it.
void print_rows(const nlohmann::ordered_json& rows, bool json);

}  // namespace penstock
