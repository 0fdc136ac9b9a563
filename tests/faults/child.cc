#include "tests/faults/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace monopod::faults {
namespace {

// As execve wants them: pointers to texts that outlive them.
std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> EnvironmentWith(const ChildOptions& options) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : options.environment) variables[name] = value;
  std::vector<std::string> texts;
  for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
  return texts;
}

// Those that a Child will reap.
std::set<pid_t>& Unreaped() {
  static std::set<pid_t> pids;
  return pids;
}

int OpenOrDie(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) Abort("cannot open " + path);
  return fd;
}

}  // namespace

void Abort(const std::string& why) {
  std::cerr << "monopod-faults: " << why << '\n';
  std::cerr.flush();
  _exit(70);
}

Child::Child(const ChildOptions& options) {
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> environment = EnvironmentWith(options);
  const std::vector<char*> arguments = Pointers(argv);
  const std::vector<char*> variables = Pointers(environment);
  const int null = OpenOrDie("/dev/null", O_RDONLY);
  const int log = options.log.empty() ? OpenOrDie("/dev/null", O_WRONLY)
                                      : OpenOrDie(options.log, O_WRONLY | O_CREAT | O_APPEND);
  const int network =
      options.network.empty() ? -1 : OpenOrDie("/run/netns/" + options.network, O_RDONLY);
  std::array<int, 2> out{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) Abort("no pipe");
  pid_ = fork();
  if (pid_ < 0) Abort("no process");
  if (pid_ == 0) {
    // There are other threads: async-signal-safe calls only.
    dup2(null, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (network >= 0 && setns(network, CLONE_NEWNET) != 0) _exit(125);
    execvpe(arguments[0], arguments.data(), variables.data());
    _exit(125);
  }
  Unreaped().insert(pid_);
  for (const int fd : {out[1], null, log, network}) {
    if (fd >= 0) close(fd);
  }
  output_ = out[0];
  fcntl(output_, F_SETFL, O_NONBLOCK);
}

Child::~Child() {
  if (is_running_) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    Unreaped().erase(pid_);
  }
  if (output_ >= 0) close(output_);
}

void Child::Signal(int signal) const {
  if (is_running_) kill(pid_, signal);
}

std::vector<std::string> Child::ReadLines() {
  std::array<char, 65536> buffer{};
  while (output_ >= 0) {
    const ssize_t count = read(output_, buffer.data(), buffer.size());
    if (count > 0) {
      unread_.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      close(output_);
      output_ = -1;
    } else if (errno != EINTR) {
      break;
    }
  }
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = unread_.find('\n', begin)) != std::string::npos;) {
    lines.push_back(unread_.substr(begin, end - begin));
    begin = end + 1;
  }
  unread_.erase(0, begin);
  return lines;
}

bool Child::IsRunning() {
  int status = 0;
  if (is_running_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    is_running_ = false;
    Unreaped().erase(pid_);
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return is_running_;
}

ToolResult RunTool(std::vector<std::string> argv, std::chrono::nanoseconds patience) {
  ChildOptions options;
  options.argv = std::move(argv);
  options.environment = {{"ETCDCTL_API", "3"}};
  options.log = std::string("/run/monopod-faults-tools.log");
  Child child(options);
  const BootTime deadline = BootClock::now() + patience;
  ToolResult result;
  bool is_running = true;
  while (is_running || !child.IsSilent()) {
    pollfd readable{.fd = child.output(), .events = POLLIN, .revents = 0};
    poll(&readable, 1, child.IsSilent() ? 1 : 20);
    for (const std::string& line : child.ReadLines()) result.out += line + "\n";
    is_running = child.IsRunning();
    if (BootClock::now() > deadline) child.Signal(SIGKILL);
    if (!is_running && BootClock::now() > deadline) break;
  }
  result.code = child.code();
  return result;
}

std::string MustRun(std::vector<std::string> argv) {
  std::string text;
  for (const std::string& word : argv) text += word + " ";
  const ToolResult result = RunTool(std::move(argv));
  if (result.code != 0) {
    const ToolResult log = RunTool({"tail", "-n", "5", "/run/monopod-faults-tools.log"});
    Abort("this failed: " + text + "\n" + result.out + log.out);
  }
  return result.out;
}

void ReapOrphans() {
  while (true) {
    siginfo_t ended{};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
    if (Unreaped().contains(ended.si_pid)) return;  // by the Child that it belongs to
    waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace monopod::faults
