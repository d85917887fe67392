#include "tools/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

namespace penstock {
namespace {

using Row = std::pair<std::string, std::string>;

std::string rows_text(const std::vector<Row>& rows) {
  constexpr size_t kWidthMax = 30;
  size_t width = 0;
  for (const auto& [left, right] : rows) {
    if (left.size() <= kWidthMax) width = std::max(width, left.size());
  }
  std::string text;
  for (const auto& [left, right] : rows) {
    text += fmt::format("  {:<{}}  {}\n", left, width, right);
  }
  return text;
}

std::string option_left(const CLI::Option& option) {
  if (option.get_positional()) return fmt::format("<{}>", option.get_name());
  std::string text = fmt::format("--{}", option.get_lnames().front());
  if (option.get_items_expected_max() > 0) {
    const std::string type = option.get_type_name();  // with the checks' own words behind a colon
    text += fmt::format("=<{}>", type.substr(0, type.find(':')));
  }
  return text;
}

std::string option_right(const CLI::Option& option) {
  std::string text = option.get_description();
  if (!option.get_default_str().empty()) {
    text += fmt::format(" [default: {}]", option.get_default_str());
  }
  return text;
}

std::string full_name(const CLI::App& app) {
  if (app.get_parent() == nullptr) return "penstock";
  return full_name(*app.get_parent()) + " " + app.get_name();
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string /*name*/,
                                     CLI::AppFormatMode /*mode*/) const {
  std::vector<Row> options;
  std::string usage = full_name(*app);
  const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
  if (!commands.empty()) usage += " <command>";
  for (const bool positional : {true, false}) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional() != positional) continue;
      if (positional) usage += " " + option_left(*option);
      options.emplace_back(option_left(*option), option_right(*option));
    }
  }
  std::string text = fmt::format("Usage: {} [options]\n{}\n", usage, app->get_description());
  std::vector<Row> rows;
  for (const CLI::App* command : commands) {
    std::string first_line = command->get_description();
    first_line.resize(std::min(first_line.find('\n'), first_line.size()));
    rows.emplace_back(command->get_name(), std::move(first_line));
  }
  if (!rows.empty()) text += "\n" + rows_text(rows);
  text += "\n" + rows_text(options);
  if (!app->get_footer().empty()) text += "\n" + app->get_footer() + "\n";
  return text;
}

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description) {
  CLI::App* const command = parent.add_subcommand(name, description);
  command->formatter(std::make_shared<HelpFormatter>());
  command->set_help_flag("--help", "Shows this.");
  return command;
}

DurationOption::DurationOption() : CLI::Validator("duration") {
  func_ = [](std::string& text) -> std::string {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::string unit = text.substr(digits);
    const uint64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
    constexpr size_t kDigitsMax = 9;
    if (digits == 0 || digits > kDigitsMax || factor == 0) {
      return fmt::format("{} is not a duration such as 500ms, 7s or 2m", text);
    }
    text = std::to_string(std::stoull(text.substr(0, digits)) * factor);
    return {};
  };
}

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
  return text;
}

void complain(const std::string& text) { fmt::print(stderr, "penstock: {}\n", printable(text)); }

}  // namespace penstock
