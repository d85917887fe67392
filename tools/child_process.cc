#include "tools/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace penstock {

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(
    const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::busy;
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t id = 0;
  const int failed = posix_spawnp(&id, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) {
    close(ends[0]);
    return failed == ENOENT ? Error::not_found : Error::busy;
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(id, ends[0]));
}

ChildProcess::~ChildProcess() {
  kill();
  close(output_);
}

bool ChildProcess::read_more() {
  char bytes[4096];
  ssize_t count = 0;
  do {
    count = read(output_, bytes, sizeof bytes);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  unread_.append(bytes, static_cast<size_t>(count));
  return true;
}

std::optional<std::string> ChildProcess::read_line() {
  size_t end = 0;
  while ((end = unread_.find('\n')) == std::string::npos) {
    if (!read_more()) return std::nullopt;
  }
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

std::string ChildProcess::read_all() {
  while (read_more()) {
  }
  return std::exchange(unread_, {});
}

int ChildProcess::wait() {
  if (!running_) return status_;
  int status = 0;
  while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
  }
  running_ = false;
  constexpr int kSignalled = 128;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
  return status_;
}

void ChildProcess::kill() {
  if (!running_) return;
  ::kill(id_, SIGKILL);
  wait();
}

std::string command_text(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    if (!text.empty()) text += ' ';
    const bool plain =
        !argument.empty() && argument.find_first_of(" '\"$&;<>|()*?") == std::string::npos;
    text += plain ? argument : "'" + argument + "'";
  }
  return text;
}

}  // namespace penstock
