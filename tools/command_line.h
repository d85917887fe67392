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

// What went wrong, for a person: "penstock: <text>", to standard error.
void complain(const std::string& text);

}  // namespace penstock
