// The programs that guardian_test.cc starts: a small monopod, and commands that are hard to end.
//
//   guardian_fixture run OPTION... -- COMMAND...   see Options
//   guardian_fixture print ARGUMENT...             each as "length:argument" on a line
//   guardian_fixture stubborn                      ignores TERM; has a child like it in a
//                                                  new session; prints "ready"
//   guardian_fixture orphan                        leaves such a child behind and exits
//   guardian_fixture comet                         leaves a process behind that forks, changes
//                                                  its session and exits, and so on
//   guardian_fixture await-reaped                  until process 1 has no zombie for a child
//
// They hold on to standard output, which is a pipe: its end of file means that none is left.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "src/supervise/cgroup.h"
#include "src/supervise/guardian.h"
#include "src/supervise/process_tree.h"

namespace monopod::supervise {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;

// Where a command whose standard output is the terminal finds the test's pipe.
constexpr int kOutputBesideTerminal = 9;

void Check(bool success, const char* what) {
  if (success) return;
  std::perror(what);
  _exit(99);
}

struct Options {
  int report = -1;   // descriptor for lines about the run
  int control = -1;  // descriptor for "run", "lost", "deadlines TERM KILL"; its end ends this
  Deadlines deadlines = {.term = BootClock::now() + hours(1), .kill = BootClock::now() + hours(1)};
  bool cgroup = true;
  bool await_run = false;      // until "run" came
  bool cover_cgroup = false;   // mount something else over the cgroup file system
  bool pid_namespace = false;  // be process 1 of a new one
  bool strangers = false;      // there: beside a process and zombies that are not the command's
  bool background = false;     // not the foreground group of the terminal
  bool pipeline = false;       // standard input and output are not the terminal
  bool thread_first = false;   // start a thread before Fork
  std::string terminal;        // to control this
  int ignored_signal = 0;
};

Options ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&] { return arguments.at(++i); };
    const auto time = [&] { return BootTime(nanoseconds(std::stoll(value()))); };
    if (name == "--report") options.report = std::stoi(value());
    if (name == "--control") options.control = std::stoi(value());
    if (name == "--term") options.deadlines.term = time();
    if (name == "--kill") options.deadlines.kill = time();
    if (name == "--no-cgroup") options.cgroup = false;
    if (name == "--await-run") options.await_run = true;
    if (name == "--cover-cgroup") options.cover_cgroup = true;
    if (name == "--pid-namespace") options.pid_namespace = true;
    if (name == "--strangers") options.strangers = true;
    if (name == "--background") options.background = true;
    if (name == "--pipeline") options.pipeline = true;
    if (name == "--thread-first") options.thread_first = true;
    if (name == "--terminal") options.terminal = value();
    if (name == "--ignore") options.ignored_signal = std::stoi(value());
  }
  return options;
}

void Write(int fd, const std::string& text) {
  Check(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "write");
}

// Does not count as part of the tree any more.
void Silence() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  Check(dup2(null, STDOUT_FILENO) >= 0, "dup2");
  close(kOutputBesideTerminal);
}

[[noreturn]] void PauseForEver() {
  for (;;) pause();
}

void WriteFile(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  Check(fd >= 0, path);
  Write(fd, text);
  close(fd);
}

// Namespaces of our own, also without being root.
void Unshare(int flags) {
  const auto user = std::to_string(getuid());
  const auto group = std::to_string(getgid());
  const bool is_root = geteuid() == 0;
  Check(unshare(flags | CLONE_NEWNS | (is_root ? 0 : CLONE_NEWUSER)) == 0, "unshare");
  if (!is_root) {
    WriteFile("/proc/self/setgroups", "deny");
    WriteFile("/proc/self/uid_map", "0 " + user + " 1");
    WriteFile("/proc/self/gid_map", "0 " + group + " 1");
  }
  Check(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "mount private");
}

void CoverCgroup() {
  std::ifstream mountinfo("/proc/self/mountinfo");
  std::string covered;
  for (std::string line; std::getline(mountinfo, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream fields(line);
    for (int i = 0; i < 5; ++i) fields >> covered;
  }
  Unshare(0);
  if (!covered.empty()) {
    Check(mount("none", covered.c_str(), "tmpfs", 0, nullptr) == 0, "mount tmpfs");
  }
}

// Goes on in a child, and ends as that does.
void ContinueInChild(const Options& options, const std::function<void()>& in_child) {
  std::array<int, 2> told{};
  Check(pipe2(told.data(), O_CLOEXEC) == 0, "pipe");
  const pid_t child = fork();
  Check(child >= 0, "fork");
  close(told[child == 0 ? 1 : 0]);
  if (child == 0) {
    // The test must know us before anything else is reported.
    char end = 0;
    Check(read(told[0], &end, 1) == 0, "read");
    close(told[0]);
    return in_child();
  }
  Write(options.report, "monopod " + std::to_string(child) + "\n");
  close(told[1]);
  Silence();
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
}

void BecomeProcessOne(const Options& options) {
  Unshare(CLONE_NEWPID);
  ContinueInChild(options, [&] {
    Check(mount("proc", "/proc", "proc", 0, nullptr) == 0, "mount proc");
    if (!options.strangers) return;
    if (fork() == 0) PauseForEver();
    if (fork() == 0) {
      if (fork() == 0) _exit(0);
      _exit(0);
    }
  });
}

void TakeTerminal(const Options& options) {
  Check(setsid() > 0, "setsid");
  const int terminal = open(options.terminal.c_str(), O_RDWR);
  Check(terminal >= 0, "open terminal");
  Check(ioctl(terminal, TIOCSCTTY, 0) == 0, "TIOCSCTTY");
  if (!options.pipeline) {
    Check(dup2(STDOUT_FILENO, kOutputBesideTerminal) >= 0, "dup2");
    Check(dup2(terminal, STDIN_FILENO) >= 0 && dup2(terminal, STDOUT_FILENO) >= 0, "dup2");
  }
  if (options.background) ContinueInChild(options, [] { Check(setpgid(0, 0) == 0, "setpgid"); });
}

// The guardian is the youngest of our children.
pid_t FindGuardian() {
  pid_t guardian = 0;
  VisitDescendants([&](const Process& process) {
    if (process.parent == getpid()) guardian = process.id;
  });
  return guardian;
}

std::string Describe(const Result<CommandEnd>& end) {
  if (!end) return "error " + std::string(ErrorCodeName(end.error().code));
  std::string text;
  switch (end->kind) {
    case CommandEnd::Kind::kExited: text = "exited "; break;
    case CommandEnd::Kind::kSignaled: text = "signaled "; break;
    case CommandEnd::Kind::kNotStarted: text = "not-started "; break;
    case CommandEnd::Kind::kStopped: text = "stopped "; break;
  }
  return text + std::to_string(end->code) + (end->guardian_died ? " guardian-died" : "");
}

bool IsForeground() {
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
  return terminal >= 0 && tcgetpgrp(terminal) == getpgrp();
}

// Obeys the test, until it closes its end.
void FollowControl(int control, Guardian& guardian, std::stop_source& lost,
                   std::atomic<bool>& run) {
  FILE* lines = fdopen(control, "r");
  char line[128];
  while (std::fgets(line, sizeof line, lines) != nullptr) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "lost") lost.request_stop();
    if (verb == "deadlines") {
      std::int64_t term = 0;
      std::int64_t kill = 0;
      words >> term >> kill;
      guardian.SetDeadlines(
          {.term = BootTime(nanoseconds(term)), .kill = BootTime(nanoseconds(kill))});
    }
    if (verb == "run") {
      run = true;
      run.notify_one();
    }
  }
  std::fclose(lines);
}

int Run(const Options& options, const std::vector<std::string>& command) {
  BlockForwardedSignals();
  for (const int fd : {options.report, options.control}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (options.ignored_signal != 0) std::signal(options.ignored_signal, SIG_IGN);
  if (options.cover_cgroup) CoverCgroup();
  if (options.pid_namespace) BecomeProcessOne(options);
  if (!options.terminal.empty()) TakeTerminal(options);
  std::jthread early;
  if (options.thread_first)
    early = std::jthread([](const std::stop_token& stop) {
      std::atomic<bool> stopped = false;
      const std::stop_callback wake(stop, [&] { stopped = true, stopped.notify_one(); });
      stopped.wait(false);
    });
  auto guardian = Guardian::Fork(command, {.cgroup = options.cgroup});
  if (!guardian) {
    Write(options.report, "error " + std::string(ErrorCodeName(guardian.error().code)) + "\n");
    return EXIT_FAILURE;
  }
  Silence();
  guardian->SetDeadlines(options.deadlines);
  std::stop_source lost;
  std::atomic<bool> run = !options.await_run;
  std::jthread control([&] { FollowControl(options.control, *guardian, lost, run); });
  // Ids of a new namespace mean nothing, or somebody else, outside.
  const pid_t known_guardian = options.pid_namespace ? 0 : FindGuardian();
  Write(options.report, "guardian " + std::to_string(known_guardian) + "\n");
  run.wait(false);
  const auto end =
      guardian->Run({.environment = {{"MONOPOD_ADDED", "some value"}, {"HOME", "/replaced"}},
                     .notice =
                         [&](std::string_view text) {
                           Write(options.report, "notice " + std::string(text) + "\n");
                         }},
                    lost.get_token());
  const std::string foreground = IsForeground() ? " foreground" : "";
  Write(options.report, "end " + Describe(end) + foreground + "\n");
  return EXIT_SUCCESS;
}

int Print(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    Write(STDOUT_FILENO, std::to_string(argument.size()) + ":" + argument + "\n");
  }
  return EXIT_SUCCESS;
}

// Says "ready" once both ignore TERM and the child has its own session.
int BeStubborn(bool stay) {
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      Write(STDOUT_FILENO, "ready\n");
      PauseForEver();
    }
    if (stay) PauseForEver();
    _exit(0);
  }
  if (stay) PauseForEver();
  wait(nullptr);
  return EXIT_SUCCESS;
}

[[noreturn]] void Comet() {
  std::signal(SIGTERM, SIG_IGN);
  if (fork() != 0) _exit(0);
  // Bounded, should nobody catch it.
  for (int hops = 0; hops < 10'000'000; ++hops) {
    if (fork() != 0) _exit(0);
    setsid();
  }
  _exit(0);
}

int AwaitReaped() {
  const BootTime give_up = BootClock::now() + std::chrono::seconds(20);
  while (BootClock::now() < give_up) {
    bool found = false;
    for (pid_t id = 2; id < 100; ++id) {
      std::ifstream file("/proc/" + std::to_string(id) + "/stat");
      std::string stat;
      std::getline(file, stat);
      found = found || stat.find(") Z 1 ") != std::string::npos;
    }
    if (!found) return EXIT_SUCCESS;
    sched_yield();
  }
  return EXIT_FAILURE;
}

int Main(const std::vector<std::string>& arguments) {
  const std::string& verb = arguments.at(1);
  const auto from = [&](std::size_t first) {
    return std::vector<std::string>(arguments.begin() + static_cast<std::ptrdiff_t>(first),
                                    arguments.end());
  };
  if (verb == "print") return Print(from(2));
  if (verb == "stubborn") return BeStubborn(true);
  if (verb == "orphan") return BeStubborn(false);
  if (verb == "comet") Comet();
  if (verb == "await-reaped") return AwaitReaped();
  std::size_t split = 2;
  while (arguments.at(split) != "--") ++split;
  const std::vector<std::string> options(arguments.begin() + 2,
                                         arguments.begin() + static_cast<std::ptrdiff_t>(split));
  return Run(ParseOptions(options), from(split + 1));
}

}  // namespace
}  // namespace monopod::supervise

int main(int argc, char** argv) { return monopod::supervise::Main({argv, argv + argc}); }
