#include "src/kube/client/exec_plugin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace monopod::kube {
namespace {

constexpr std::size_t kLongestOutput = std::size_t{1} << 20;
// Of stderr, in a message.
constexpr std::size_t kLongestComplaint = 512;

class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }
  int get() const { return fd_; }
  void Set(int fd) { fd_ = fd; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor out;
  Descriptor in;
  bool Open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    out.Set(ends[0]);
    in.Set(ends[1]);
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
};

// Ours, with what is added or replaced.
std::vector<std::string> ChildEnvironment(const ExecPlugin& plugin, const std::string& info) {
  auto added = plugin.environment;
  added.emplace_back("KUBERNETES_EXEC_INFO", info);
  std::vector<std::string> variables;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string variable(*one);
    const std::string name = variable.substr(0, variable.find('='));
    const bool replaced = std::any_of(added.begin(), added.end(),
                                      [&](const auto& entry) { return entry.first == name; });
    if (!replaced) variables.push_back(variable);
  }
  for (const auto& [name, value] : added) variables.push_back(fmt::format("{}={}", name, value));
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// A process in a group of its own, which is gone with this.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { Reap(/*kill=*/true); }

  // 0, or why not.
  int Start(const ExecPlugin& plugin, const std::string& info) {
    if (!output_.Open() || !complaint_.Open()) return errno;
    std::vector<std::string> arguments = plugin.arguments;
    arguments.insert(arguments.begin(), plugin.command);
    std::vector<std::string> variables = ChildEnvironment(plugin, info);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output_.in.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaint_.in.get(), STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int failed = posix_spawnp(&pid_, plugin.command.c_str(), &actions, &attributes,
                                    Pointers(arguments).data(), Pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    output_.in.Close();
    complaint_.in.Close();
    if (failed != 0) {
      pid_ = -1;
      return failed;
    }
    end_.Set(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    return 0;
  }

  // Until it ends; false if it does not by then, or prints without end.
  bool Await(BootTime deadline) {
    while (true) {
      std::array<pollfd, 3> fds = {{{.fd = output_.out.get(), .events = POLLIN, .revents = 0},
                                    {.fd = complaint_.out.get(), .events = POLLIN, .revents = 0},
                                    {.fd = end_.get(), .events = POLLIN, .revents = 0}}};
      const auto left = deadline - BootClock::now();
      if (left <= std::chrono::nanoseconds(0)) return false;
      const timespec timeout = ToTimespec(left);
      const int ready = ppoll(fds.data(), fds.size(), &timeout, nullptr);
      if (ready < 0 && errno != EINTR) return false;
      if (ready <= 0) continue;
      Drain(output_.out, output);
      Drain(complaint_.out, complaint);
      if (output.size() > kLongestOutput) return false;
      complaint.erase(0, complaint.size() - std::min(complaint.size(), kLongestComplaint));
      // Somebody it started may hold the pipes for longer: that is not waited for.
      const bool is_over =
          end_.get() < 0 ? output_.out.get() < 0 && complaint_.out.get() < 0 : fds[2].revents != 0;
      if (is_over) return true;
    }
  }

  // The status that waitpid() gives; nothing if somebody else has taken it.
  std::optional<int> Reap(bool kill) {
    if (pid_ <= 0) return std::nullopt;
    if (kill) ::kill(-pid_, SIGKILL);
    int status = 0;
    pid_t reaped = -1;
    while ((reaped = waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return reaped < 0 ? std::nullopt : std::optional(status);
  }

  std::string output;
  std::string complaint;

 private:
  static void Drain(Descriptor& from, std::string& into) {
    std::array<char, 4096> buffer{};
    while (from.get() >= 0 && into.size() <= kLongestOutput) {
      const ssize_t count = read(from.get(), buffer.data(), buffer.size());
      if (count > 0) {
        into.append(buffer.data(), static_cast<std::size_t>(count));
      } else if (count == 0) {
        from.Close();
      } else if (errno != EINTR) {
        return;
      }
    }
  }

  pid_t pid_ = -1;
  Descriptor end_;  // readable when it has ended
  Pipe output_;
  Pipe complaint_;
};

// What it complained, as part of a line.
std::string Plain(const std::string& complaint) {
  std::string line;
  for (const char c : complaint) line += c >= 0 && c < ' ' ? ' ' : c;
  while (line.ends_with(' ')) line.pop_back();
  line.erase(0, std::min(line.find_first_not_of(' '), line.size()));
  return line.empty() ? line : ": " + line;
}

tl::unexpected<Error> Denied(const ExecPlugin& plugin, const std::string& what) {
  return Fail(ErrorCode::kDenied, fmt::format("the credential plugin {} {}", plugin.command, what));
}

}  // namespace

Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, const std::string& info,
                                     BootTime deadline) {
  Child child;
  const int failed = child.Start(plugin, info);
  if (failed != 0) {
    return Denied(plugin,
                  fmt::format("cannot be run: {}{}{}", std::strerror(failed),
                              plugin.install_hint.empty() ? "" : "\n", plugin.install_hint));
  }
  if (!child.Await(deadline)) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("the credential plugin {} did not end in time, or prints too much{}",
                            plugin.command, Plain(child.complaint)));
  }
  const auto status = child.Reap(/*kill=*/false);
  if (status && *status != 0) {
    const bool is_signal = WIFSIGNALED(*status);
    return Denied(plugin, fmt::format("failed with {} {}{}", is_signal ? "signal" : "exit code",
                                      is_signal ? WTERMSIG(*status) : WEXITSTATUS(*status),
                                      Plain(child.complaint)));
  }
  auto credential = ParseExecCredential(child.output, plugin.api_version);
  if (!credential) return Denied(plugin, "failed: " + credential.error().message);
  return credential;
}

}  // namespace monopod::kube
