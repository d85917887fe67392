#include "tools/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "tools/command_line.h"
#include "tools/exit_status.h"

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

std::string help_of(const CLI::App* app) {
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

// Help in the house's form.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/,
                        CLI::AppFormatMode /*mode*/) const override {
    return help_of(app);
  }
};

class DurationOption : public CLI::Validator {
 public:
  DurationOption() : CLI::Validator("duration") {
    func_ = [](std::string& text) { return to_milliseconds(text); };
  }
};

// Last first, as CLI11 takes them. It would take the next argument for a value that is empty behind a '='.
std::vector<std::string> split_arguments(int argument_count, char** arguments) {
  std::vector<std::string> split;
  for (int i = argument_count - 1; i > 0; --i) {
    std::string argument = arguments[i];
    const size_t equals = argument.find('=');
    if (equals > 2 && equals + 1 == argument.size() && argument.starts_with("--")) {
      split.emplace_back();
      argument.pop_back();
    }
    split.push_back(std::move(argument));
  }
  return split;
}

}  // namespace

const Option& Option::type_name(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

const Option& Option::default_str(const std::string& text) const {
  option_->default_str(text);
  return *this;
}

const Option& Option::capture_default_str() const {
  option_->capture_default_str();
  return *this;
}

const Option& Option::required() const {
  option_->required();
  return *this;
}

const Option& Option::excludes(const std::string& other) const {
  option_->excludes(other);
  return *this;
}

const Option& Option::delimiter(char character) const {
  option_->delimiter(character);
  return *this;
}

const Option& Option::take_all() const {
  option_->take_all();
  return *this;
}

const Option& Option::expected(int count) const {
  option_->expected(count);
  return *this;
}

const Option& Option::allow_extra_args(bool allowed) const {
  option_->allow_extra_args(allowed);
  return *this;
}

const Option& Option::configurable(bool allowed) const {
  option_->configurable(allowed);
  return *this;
}

template <class T>
const Option& Option::between(T low, T high) const {
  option_->check(CLI::Range(low, high));
  return *this;
}

template const Option& Option::between(int32_t, int32_t) const;
template const Option& Option::between(uint32_t, uint32_t) const;
template const Option& Option::between(int64_t, int64_t) const;
template const Option& Option::between(uint64_t, uint64_t) const;
template const Option& Option::between(double, double) const;

const Option& Option::one_of(std::vector<std::string> words) const {
  option_->check(CLI::IsMember(std::move(words)));
  return *this;
}

const Option& Option::positive() const {
  option_->check(CLI::PositiveNumber);
  return *this;
}

const Option& Option::not_negative() const {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

const Option& Option::size() const {
  option_->transform(CLI::AsSizeValue(false));
  return *this;
}

const Option& Option::duration() const {
  option_->transform(DurationOption());
  return *this;
}

Command Command::add_command(const std::string& name, const std::string& description) const {
  CLI::App* const command = app_->add_subcommand(name, description);
  command->formatter(std::make_shared<HelpFormatter>());
  command->set_help_flag("--help", "Shows this.");
  return Command(command);
}

template <class T>
Option Command::add_option(const std::string& name, T& value,
                           const std::string& description) const {
  return Option(app_->add_option(name, value, description));
}

using Name = const std::string&;
template Option Command::add_option(Name, std::string&, Name) const;
template Option Command::add_option(Name, std::optional<std::string>&, Name) const;
template Option Command::add_option(Name, std::vector<std::string>&, Name) const;
template Option Command::add_option(Name, std::vector<int32_t>&, Name) const;
template Option Command::add_option(Name, bool&, Name) const;
template Option Command::add_option(Name, int16_t&, Name) const;
template Option Command::add_option(Name, int32_t&, Name) const;
template Option Command::add_option(Name, uint32_t&, Name) const;
template Option Command::add_option(Name, std::optional<uint32_t>&, Name) const;
template Option Command::add_option(Name, int64_t&, Name) const;
template Option Command::add_option(Name, uint64_t&, Name) const;
template Option Command::add_option(Name, double&, Name) const;

Option Command::add_flag(const std::string& name, bool& value,
                         const std::string& description) const {
  return Option(app_->add_flag(name, value, description));
}

Option Command::add_words(const std::string& name,
                          std::function<void(const std::vector<std::string>&)> take,
                          const std::string& description) const {
  return Option(app_->add_option_function(name, take, description));
}

void Command::require_command() const { app_->require_subcommand(1); }

void Command::callback(std::function<void()> called) const { app_->callback(std::move(called)); }

bool Command::is_given(const std::string& option) const { return app_->count(option) > 0; }

Program::Program(const std::string& description, const std::string& name,
                 const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->set_help_flag("--help", "Shows this; after a command, that command's options.");
  app_->set_version_flag("--version", name + " " + version, "Shows the version.");
  app_->require_subcommand(1);
}

Program::~Program() = default;

bool Program::parse(int argument_count, char** arguments, int& status) {
  status = kExitDone;
  try {
    app_->parse(split_arguments(argument_count, arguments));
    return true;
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app_->help());
  } catch (const CLI::ParseError& error) {
    complain(fmt::format("{}. Its options: penstock [command] --help", error.what()));
    status = kExitUsage;
  }
  return false;
}

void refuse(const std::string& option, const std::string& reason) {
  throw CLI::ValidationError(option, reason);
}

std::string to_milliseconds(std::string& text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit = text.substr(digits);
  const uint64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  constexpr size_t kDigitsMax = 9;
  if (digits == 0 || digits > kDigitsMax || factor == 0) {
    return fmt::format("{} is not a duration such as 500ms, 7s or 2m", text);
  }
  text = std::to_string(std::stoull(text.substr(0, digits)) * factor);
  return {};
}

std::vector<std::string> split_list(const std::string& text) {
  return CLI::detail::split(text, ',');
}

}  // namespace penstock
