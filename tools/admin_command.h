// What `penstock topic` and `penstock group` share: where the cluster is, and how results are printed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/kafka_session.h"

namespace penstock {

struct AdminOptions {
  std::string bootstrap = "127.0.0.1:9092";
  bool json = false;
};

// Adds a command with those options.
CLI::App* add_admin_command(CLI::App& parent, const std::string& name,
                            const std::string& description, AdminOptions& options);

// Connects and runs `work`, which answers the exit status. What it leaves in `wrong` is told.
int run_admin(const AdminOptions& options,
              const std::function<int(KafkaCluster& cluster, std::string& wrong)>& work);

// An array of objects with the same names: as it is, or as a table, its names above it.
void print_rows(const nlohmann::ordered_json& rows, bool json);

}  // namespace penstock
