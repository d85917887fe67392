// How the program speaks to people.
#pragma once

#include <string>

namespace penstock {

// Without control characters: names are other people's, and nothing in them may move a terminal's cursor.
std::string printable(std::string text);

// What went wrong, for a person: "penstock: <text>" in one line, to standard error.
void complain(const std::string& text);

}  // namespace penstock
