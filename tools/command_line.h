// The program's command line: what is common to all subcommands.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace penstock {

// Help in the house's form: usage, what it does, one line per option with its default.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

// Adds a subcommand whose help is `HelpFormatter`'s.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description);

// A number and its unit, ms, s or m, as milliseconds.
class DurationOption : public CLI::Validator {
 public:
  DurationOption();
};

// Without control characters: names are other people's, and nothing in them may move a terminal's cursor.
std::string printable(std::string text);

// What went wrong, for a person: "penstock: <text>" in one line, to standard error.
void complain(const std::string& text);

}  // namespace penstock
