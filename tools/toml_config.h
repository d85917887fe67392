// A TOML file as a source of options: the same names as on the command line, which wins.
#pragma once

#include <string>

#include "tools/command.h"

namespace penstock {

// Gives the options of `command` that the command line left out the values the file has for them: strings, integers,
// booleans, and arrays of them, at its top level or, where an option's name has dots, in tables. Anything else, and a
// key that is no option, ends the parsing with a text that names it and its line.
void apply_toml_file(const Command& command, const std::string& path);

}  // namespace penstock
