// A program started from here, whose standard output is read line by line.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/result.h"

namespace penstock {

class ChildProcess {
 public:
  // Looks for arguments[0] in PATH. Error::not_found: there is no such program; busy: no process or descriptor free.
  static Result<std::unique_ptr<ChildProcess>> start(const std::vector<std::string>& arguments);
  ChildProcess(const ChildProcess&) = delete;
  ~ChildProcess();  // kills it if it runs still

  std::optional<std::string> read_line();  // without its end; nothing at the end of its output
  std::string read_all();
  int wait();   // its exit status; 128 and the signal's number if one ended it
  void kill();  // SIGKILL, and waits
  pid_t id() const { return id_; }

 private:
  ChildProcess(pid_t id, int output) : id_(id), output_(output) {}
  bool read_more();

  pid_t id_;
  int output_;
  bool running_ = true;
  int status_ = 0;
  std::string unread_;
};

// The arguments as a person would type them.
std::string command_text(const std::vector<std::string>& arguments);

}  // namespace penstock
