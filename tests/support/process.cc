#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/base/wait.h"

namespace monopod::testing {
namespace {

// Appends what can be read now; closes the descriptor at the end of the output.
void Drain(int& fd, std::string& text) {
  std::array<char, 4096> buffer{};
  while (fd >= 0) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      close(fd);
      fd = -1;
    } else {
      return;
    }
  }
}

}  // namespace

Process::Process(std::vector<std::string> argv, const ProcessOptions& options) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0) std::abort();
  std::vector<char*> arguments;
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    if (options.before_exec) options.before_exec();
    execvp(arguments[0], arguments.data());
    _exit(125);
  }
  close(out[1]);
  close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
  fcntl(out_fd_, F_SETFL, O_NONBLOCK);
  fcntl(err_fd_, F_SETFL, O_NONBLOCK);
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) std::abort();
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      out_fd_(std::exchange(other.out_fd_, -1)),
      err_fd_(std::exchange(other.err_fd_, -1)),
      reaped_(other.reaped_),
      code_(other.code_),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Process::~Process() {
  if (pid_ > 0 && !reaped_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {pidfd_, out_fd_, err_fd_}) {
    if (fd >= 0) close(fd);
  }
}

bool Process::AwaitOut(const std::string& text, std::chrono::nanoseconds patience) {
  return Await([&] { return out_.find(text) != std::string::npos; }, patience);
}

bool Process::AwaitErr(const std::string& text, std::chrono::nanoseconds patience) {
  return Await([&] { return err_.find(text) != std::string::npos; }, patience);
}

void Process::Signal(int signal) const {
  kill(pid_, signal);
  if (signal != SIGSTOP) return;
  // Its threads stop one after another, as they are scheduled.
  Eventually([this] {
    siginfo_t state{};
    waitid(P_PID, static_cast<id_t>(pid_), &state, WSTOPPED | WEXITED | WNOHANG | WNOWAIT);
    return state.si_pid != 0;
  });
}

int Process::Wait(std::chrono::nanoseconds patience) {
  Await([&] { return reaped_ && out_fd_ < 0 && err_fd_ < 0; }, patience);
  return reaped_ ? code_ : -1;
}

bool Process::Await(const std::function<bool()>& done, std::chrono::nanoseconds patience) {
  const BootTime deadline = BootClock::now() + patience;
  while (!done()) {
    const auto left = deadline - BootClock::now();
    if (left <= std::chrono::nanoseconds(0) || !Pump(left)) return done();
  }
  return true;
}

// Waits for something to happen; false when nothing more can.
bool Process::Pump(std::chrono::nanoseconds patience) {
  if (out_fd_ < 0 && err_fd_ < 0 && reaped_) return false;
  std::array<pollfd, 3> fds = {{{.fd = out_fd_, .events = POLLIN, .revents = 0},
                                {.fd = err_fd_, .events = POLLIN, .revents = 0},
                                {.fd = reaped_ ? -1 : pidfd_, .events = POLLIN, .revents = 0}}};
  const timespec timeout = ToTimespec(patience);
  ppoll(fds.data(), fds.size(), &timeout, nullptr);
  Drain(out_fd_, out_);
  Drain(err_fd_, err_);
  if (!reaped_ && (fds[2].revents & POLLIN) != 0) {
    int status = 0;
    waitpid(pid_, &status, 0);
    reaped_ = true;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return true;
}

TemporaryDirectory::TemporaryDirectory() {
  path_ = std::filesystem::temp_directory_path() / "monopod-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path) << content;
}

bool Eventually(const std::function<bool()>& done, std::chrono::nanoseconds patience) {
  const BootTime deadline = BootClock::now() + patience;
  while (!done()) {
    const BootTime now = BootClock::now();
    if (now >= deadline) return false;
    WaitUntil(now + std::chrono::milliseconds(5), {});
  }
  return true;
}

}  // namespace monopod::testing
