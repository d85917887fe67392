#include "tools/toml_config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

[[noreturn]] void refuse(const std::string& path, const toml::source_region& place,
                         std::string_view what) {
  throw CLI::ConfigError(fmt::format("{}:{}: {}", path, place.begin.line, what));
}

toml::table parse_file(const std::string& path) {
  try {
    return toml::parse_file(path);
  } catch (const toml::parse_error& error) {  // the packaged library throws; so does CLI11
    refuse(path, error.source(), error.description());
  }
}

// The option a key names. What a file cannot say is no option here.
CLI::Option& option_of(CLI::App& command, const std::string& path, std::string_view key,
                       const toml::node& node) {
  CLI::Option* const option = command.get_option_no_throw(fmt::format("--{}", key));
  if (option == nullptr || !option->get_configurable()) {
    refuse(path, node.source(), fmt::format("there is no option {}", key));
  }
  return *option;
}

std::string text_of(const std::string& path, std::string_view key, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  refuse(path, node.source(),
         fmt::format("{} is neither a string, nor a number, nor a boolean", key));
}

// Any of those that cannot stand beside `option` and are set.
const CLI::Option* contradiction(const CLI::Option& option) {
  for (const CLI::Option* other : option.get_excludes()) {
    if (other->count() > 0) return other;
  }
  return nullptr;
}

struct Entry {
  CLI::Option& option;
  std::string key;
  const toml::node& node;
};

// What the command line leaves open. A dotted key is a table in a table: log.retention.ms is the option of that name.
void gather_entries(CLI::App& command, const std::string& path, const std::string& prefix,
                    const toml::table& table, std::vector<Entry>& entries) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* nested = node.as_table()) {
      gather_entries(command, path, name + ".", *nested, entries);
      continue;
    }
    CLI::Option& option = option_of(command, path, name, node);
    if (option.count() > 0 || contradiction(option) != nullptr) continue;
    entries.push_back({option, name, node});
  }
}

void set_option(CLI::Option& option, const std::string& path, std::string_view key,
                const toml::node& node) {
  if (const toml::array* values = node.as_array()) {
    for (const toml::node& value : *values) option.add_result(text_of(path, key, value));
  } else {
    option.add_result(text_of(path, key, node));
  }
  try {
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    refuse(path, node.source(), error.what());
  }
}

}  // namespace

void apply_toml_file(const Command& command, const std::string& path) {
  const toml::table table = parse_file(path);
  // First everything the command line leaves open, then the values: so that its word is told from the file's own.
  std::vector<Entry> entries;
  gather_entries(command.app(), path, "", table, entries);
  for (const Entry& entry : entries) {
    if (const CLI::Option* other = contradiction(entry.option)) {
      refuse(path, entry.node.source(),
             fmt::format("{} cannot stand beside {}", entry.key, other->get_name()));
    }
    set_option(entry.option, path, entry.key, entry.node);
  }
}

}  // namespace penstock
