#include "tools/toml_config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

namespace penstock {
namespace {

[[noreturn]] void refuse(const std::string& path, const toml::source_region& place,
                         std::string_view what) {
  throw CLI::ConfigError(fmt::format("{}, line {}: {}", path, place.begin.line, what));
}

std::string text_of(const std::string& path, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  refuse(path, node.source(), "neither a string, nor an integer, nor a boolean");
}

toml::table parse_file(const std::string& path) {
  try {
    return toml::parse_file(path);
  } catch (const toml::parse_error& error) {  // the packaged library throws; so does CLI11
    refuse(path, error.source(), error.description());
  }
}

}  // namespace

void apply_toml_file(CLI::App& command, const std::string& path) {
  const toml::table table = parse_file(path);
  for (const auto& [key, node] : table) {
    CLI::Option* const option = command.get_option_no_throw(fmt::format("--{}", key.str()));
    if (option == nullptr || key.str() == "config" || key.str() == "help") {
      refuse(path, node.source(), fmt::format("there is no option {}", key.str()));
    }
    if (option->count() > 0) continue;
    if (const toml::array* values = node.as_array()) {
      for (const toml::node& value : *values) option->add_result(text_of(path, value));
    } else {
      option->add_result(text_of(path, node));
    }
    option->run_callback();
  }
}

}  // namespace penstock
