#include "tools/admin_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

// A string without its quotes, a list with commas only, nothing for null.
std::string cell_of(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto& item : value) text += (text.empty() ? "" : ",") + cell_of(item);
  return text;
}

void print_line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += i + 1 < cells.size() ? fmt::format("{:<{}}  ", cells[i], widths[i]) : cells[i];
  }
  fmt::print("{}\n", line);
}

}  // namespace

Command add_admin_options(const Command& parent, const std::string& name,
                          const std::string& description, AdminOptions& options) {
  const Command command = parent.add_command(name, description);
  command.add_option("--bootstrap", options.bootstrap, "Any broker of the cluster.")
      .type_name("address")
      .capture_default_str();
  command
      .add_option("--timeout", options.patience_ms,
                  "How long a broker may take to answer, as 500ms or 30s.")
      .type_name("time")
      .duration()
      .positive()
      .default_str("30s");
  command.add_flag("--json", options.json, "Prints a JSON array.");
  return command;
}

int run_admin(const AdminOptions& options,
              const std::function<int(KafkaCluster& cluster, std::string& wrong)>& work) {
  const std::optional<NetworkAddress> address = parse_address(options.bootstrap);
  if (!address) {
    complain(fmt::format("--bootstrap={} is no address; one is 127.0.0.1:9092 or [::1]:9092",
                         options.bootstrap));
    return kExitUsage;
  }
  KafkaCluster cluster(options.patience_ms);
  std::string wrong;
  int status = kExitFailed;
  if (cluster.connect(*address, wrong)) status = work(cluster, wrong);
  if (!wrong.empty()) complain(wrong);
  return status;
}

std::string refusal_text(const std::string& what, kafka::KafkaError error,
                         const std::optional<std::string_view>& text) {
  const std::string said = text && !text->empty() ? fmt::format(": {}", *text) : std::string();
  return fmt::format("{}: {}{}", what, name_of(error), said);
}

std::pair<std::string, std::string> split_config(const std::string& option,
                                                 const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    refuse(fmt::format("{}={}", option, text), "one is retention.ms=3600000");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void print_rows(const nlohmann::ordered_json& rows, bool json) {
  if (json) {
    constexpr int kIndent = 2;
    fmt::print("{}\n",
               rows.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  if (rows.empty()) return;
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& [name, value] : rows.front().items()) lines[0].push_back(name);
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const auto& [name, value] : row.items()) lines.back().push_back(printable(cell_of(value)));
  }
  std::vector<size_t> widths(lines[0].size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) print_line(line, widths);
}

}  // namespace penstock
