// Commands and their options. CLI11 parses them, but is seen by the few sources that need more of it than this: it is all
// headers, and one option costs a compiler as much as a hundred.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace penstock {

// An option of a command while it is described: each call adds to it. A handle; the command owns it.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  const Option& type_name(const std::string& name) const;  // what help calls the value
  const Option& default_str(const std::string& text) const;
  const Option& capture_default_str() const;  // what the value is now
  const Option& required() const;
  const Option& excludes(const std::string& other) const;
  const Option& delimiter(char character) const;  // one argument holds several values
  const Option& take_all() const;                 // of several on the line, not the last alone
  const Option& expected(int count) const;
  const Option& allow_extra_args(bool allowed) const;
  const Option& configurable(bool allowed) const;  // a file may set it

  template <class T>
  const Option& between(T low, T high) const;
  const Option& one_of(std::vector<std::string> words) const;
  const Option& positive() const;
  const Option& not_negative() const;
  const Option& size() const;      // as 64KiB, in bytes
  const Option& duration() const;  // as to_milliseconds() takes it

 private:
  CLI::Option* option_;
};

// A command while it is described, with help in the house's form: usage, what it does, one line per option with its
// default. A handle; the Program owns it.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command add_command(const std::string& name, const std::string& description) const;
  // `value` outlives the parsing.
  template <class T>
  Option add_option(const std::string& name, T& value, const std::string& description) const;
  Option add_flag(const std::string& name, bool& value, const std::string& description) const;
  // Several words; `take` may refuse() them.
  Option add_words(const std::string& name,
                   std::function<void(const std::vector<std::string>&)> take,
                   const std::string& description) const;
  void require_command() const;
  void callback(std::function<void()> called) const;  // when all has been parsed
  bool is_given(const std::string& option) const;

  CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

// The program's command line.
class Program {
 public:
  Program(const std::string& description, const std::string& name, const std::string& version);
  Program(const Program&) = delete;
  ~Program();

  Command command() const { return Command(app_.get()); }
  // False: all is said, and `status` is the exit status.
  bool parse(int argument_count, char** arguments, int& status);

 private:
  std::unique_ptr<CLI::App> app_;
};

// A value, or what goes with it, makes no sense: ends the parsing, from a command's callback or an option's.
[[noreturn]] void refuse(const std::string& option, const std::string& reason);

// A number and its unit, ms, s or m, becomes that many milliseconds. Empty, or what is wrong with it.
std::string to_milliseconds(std::string& text);

// What stands between commas.
std::vector<std::string> split_list(const std::string& text);

}  // namespace penstock
