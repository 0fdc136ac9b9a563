#include "src/supervise/guardian_harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <system_error>

#include "src/supervise/cgroup.h"

namespace monopod::supervise {
namespace {

using std::chrono::milliseconds;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Pipe MakePipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {.read = FileDescriptor(ends[0]), .write = FileDescriptor(ends[1])};
}

// Waits until `fd` is readable or at its end.
bool AwaitReadable(int fd, BootTime deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - BootClock::now()).count();
    pollfd poller{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&poller, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) == 1) return true;
    if (left <= 0) return false;
  }
}

// Appends what can be read. False at the end of file, and at the deadline.
bool ReadMore(int fd, std::string& text, BootTime deadline) {
  if (!AwaitReadable(fd, deadline)) return false;
  std::array<char, 4096> buffer{};
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

// Reaps every child and adopted orphan of this test. False if one is left at the deadline.
bool AwaitNoChildren(BootTime deadline) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    const pid_t reaped = waitpid(-1, nullptr, WNOHANG);
    if (reaped < 0 && errno == ECHILD) return true;
    if (reaped != 0) continue;
    const auto left = deadline - BootClock::now();
    if (left <= milliseconds(0)) return false;
    const timespec timeout = ToTimespec(left);
    sigtimedwait(&child, nullptr, &timeout);
  }
}

// Where monopod and the guardian were killed nobody else does.
void RemoveCgroup(pid_t monopod) {
  const auto parent = OwnCgroupDirectory(ReadCgroupFiles());
  if (!parent) return;
  const std::string prefix = "monopod-" + std::to_string(monopod) + "-";
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (const auto& entry : std::filesystem::directory_iterator(*parent, error)) {
    if (entry.path().filename().string().starts_with(prefix)) left.push_back(entry.path());
  }
  for (const auto& path : left) rmdir(path.c_str());
}

}  // namespace

BootTime Patience() { return BootClock::now() + std::chrono::seconds(60); }

std::vector<std::string> DeadlineOptions(const Deadlines& deadlines) {
  return {"--term", std::to_string(deadlines.term.time_since_epoch().count()), "--kill",
          std::to_string(deadlines.kill.time_since_epoch().count())};
}

Harness::Harness(const Start& start) {
  // So that what outlives monopod falls to this test, which can tell when it is gone.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);

  Pipe input = MakePipe();
  Pipe output = MakePipe();
  Pipe report = MakePipe();
  Pipe control = MakePipe();
  constexpr int kReport = 90;
  constexpr int kControl = 91;
  std::vector<std::string> arguments = {GUARDIAN_FIXTURE, "run",
                                        "--report",       std::to_string(kReport),
                                        "--control",      std::to_string(kControl)};
  arguments.insert(arguments.end(), start.options.begin(), start.options.end());
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), start.command.begin(), start.command.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, report.write.get(), kReport);
  posix_spawn_file_actions_adddup2(&actions, control.read.get(), kControl);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  EXPECT_EQ(posix_spawn(&monopod_, argv.front(), &actions, &attributes, argv.data(), environ), 0);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);

  input_ = std::move(input.write);
  output_end_ = std::move(output.read);
  report_ = std::move(report.read);
  control_ = std::move(control.write);
  report.write.Close();
  FindProcesses();
}

Harness::~Harness() {
  control_.Close();
  input_.Close();
  if (testing::Test::HasFailure()) {
    for (const pid_t process : {monopod_, guardian_}) {
      if (process > 0) kill(process, SIGKILL);
    }
  }
  EXPECT_TRUE(AwaitNoChildren(Patience())) << "monopod, its guardian or the command hangs";
  RemoveCgroup(monopod_);
}

void Harness::Tell(const std::string& line) const {
  const std::string text = line + "\n";
  EXPECT_EQ(write(control_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

bool Harness::AwaitOutput(const std::string& text) {
  const BootTime deadline = Patience();
  while (output_.find(text) == std::string::npos) {
    if (!ReadMore(output_end_.get(), output_, deadline)) return false;
  }
  return true;
}

bool Harness::TreeIsGone(BootTime deadline) {
  while (ReadMore(output_end_.get(), output_, deadline)) {
  }
  // Readable and nothing to be read: the end of file.
  return AwaitReadable(output_end_.get(), BootClock::now());
}

void Harness::FindProcesses() {
  while (const auto line = NextLine()) {
    if (line->starts_with("monopod ")) monopod_ = std::stoi(line->substr(8));
    if (line->starts_with("guardian ")) guardian_ = std::stoi(line->substr(9));
    if (line->starts_with("guardian ")) return;
    if (line->starts_with("error ")) {
      reported_ = *line + "\n";  // for whoever asks for it
      return;
    }
  }
}

std::optional<std::string> Harness::NextLine() {
  const BootTime deadline = Patience();
  while (reported_.find('\n') == std::string::npos) {
    if (!ReadMore(report_.get(), reported_, deadline)) return std::nullopt;
  }
  const auto end = reported_.find('\n');
  std::string line = reported_.substr(0, end);
  reported_.erase(0, end + 1);
  return line;
}

std::optional<std::string> Harness::AwaitReport(const std::string& word) {
  while (const auto line = NextLine()) {
    if (line->starts_with(word + " ")) return line->substr(word.size() + 1);
  }
  return std::nullopt;
}

}  // namespace monopod::supervise
