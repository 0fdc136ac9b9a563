#include "src/supervise/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
// glibc 2.36 forgot to give it C linkage.
extern "C" {
#include <sys/pidfd.h>
}
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "src/base/clock.h"
#include "src/supervise/file_descriptor.h"

namespace monopod::supervise {
namespace {

constexpr std::uint32_t kKernelThread = 0x00200000;  // PF_KTHREAD of the kernel's sched.h

// /proc/ID/stat; nothing if the process is gone or hidden.
std::optional<Process> ReadProcess(pid_t id) {
  std::array<char, 32> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/stat", id);
  const FileDescriptor file(open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  if (!file.is_open() || read(file.get(), text.data(), text.size() - 1) <= 0) return std::nullopt;
  // The name stands in parentheses, and may itself contain any byte.
  const char* name = std::strchr(text.data(), '(');
  const char* end = std::strrchr(text.data(), ')');
  if (name == nullptr || end == nullptr || end < name) return std::nullopt;
  Process process{.id = id, .name = {name + 1, end}};
  unsigned long long start = 0;
  // Fields 3 to 22: state ppid pgrp session tty tpgid flags, 10 others, threads, one, start.
  const int fields = std::sscanf(
      end + 1, " %c %d %d %d %*d %*d %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d %*s %llu",
      &process.state, &process.parent, &process.group, &process.session, &process.flags,
      &process.threads, &start);
  if (fields != 7) return std::nullopt;
  process.start = start;
  return process;
}

// In the order of /proc, that is of their ids, reading each as late as possible: of a chain
// of processes that fork and exit, the newest has the greatest id.
void VisitProcesses(const std::function<void(const Process&)>& visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    pid_t id = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    const auto parsed = std::from_chars(entry->d_name, end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end) continue;
    if (const auto process = ReadProcess(id)) visit(*process);
  }
}

// Has neither ended nor is a kernel thread. (A process whose first thread has ended is in
// state Z while its other threads go on.)
bool Lives(const Process& process) {
  const bool ended = (process.state == 'Z' || process.state == 'X') && process.threads <= 1;
  return !ended && (process.flags & kKernelThread) == 0;
}

bool OthersLive() {
  bool others = false;
  VisitProcesses([&](const Process& process) {
    others = others || (process.id != getpid() && Lives(process));
  });
  return others;
}

// Kills a whole process group where that is safe, for then no fork can slip through: where
// the group cannot contain a stranger, and cannot be another one by now. A child of ours
// keeps its id and its group's until we reap it; and every member of a session that is
// not ours descends from one of our descendants, which made that session.
void KillDescendant(const Process& process, pid_t command_group) {
  const bool only_family = process.session != getsid(0) || process.group == command_group;
  if (process.parent == getpid() && only_family && process.group > 1) {
    kill(-process.group, SIGKILL);
  }
  SignalProcess(process, SIGKILL);
}

void AwaitChild(std::chrono::nanoseconds at_most) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec timeout = ToTimespec(at_most);
  sigtimedwait(&child, nullptr, &timeout);
}

}  // namespace

void VisitDescendants(const std::function<void(const Process&)>& visit) {
  std::unordered_set<pid_t> family = {getpid()};
  const auto admit = [&](const Process& process) {
    if (!family.contains(process.parent)) return false;
    family.insert(process.id);
    visit(process);
    return true;
  };
  std::vector<Process> undecided;
  VisitProcesses([&](const Process& process) {
    if (!admit(process)) undecided.push_back(process);
  });
  // Ids wrap around, so that a child may have come before its parent.
  while (std::erase_if(undecided, admit) > 0) {
  }
}

void SignalProcess(const Process& process, int signal) {
  if (process.parent == getpid()) {
    // Nobody else can reap it, so the id is still its own.
    kill(process.id, signal);
    return;
  }
  const FileDescriptor handle(pidfd_open(process.id, 0));
  const auto now = ReadProcess(process.id);
  if (handle.is_open() && now && now->start == process.start) {
    pidfd_send_signal(handle.get(), signal, nullptr, 0);
  }
}

bool ReapChildren() {
  for (;;) {
    siginfo_t info{};
    // __WALL: clone can make children that announce their end by another signal than SIGCHLD.
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) != 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (info.si_pid == 0) return true;
  }
}

bool EndTree(const TreeEnding& ending, const std::function<bool()>& go_on) {
  constexpr std::chrono::milliseconds kLongestPause(32);
  std::chrono::milliseconds pause(1);
  while (ReapChildren() || (ending.whole_namespace && OthersLive())) {
    if (ending.cgroup != nullptr) ending.cgroup->Kill();
    if (ending.whole_namespace) kill(-1, SIGKILL);
    VisitDescendants(
        [&](const Process& process) { KillDescendant(process, ending.command_group); });
    if (!go_on()) return false;
    AwaitChild(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
  return true;
}

std::string DescribeDescendants(pid_t except) {
  constexpr int kMost = 5;
  int count = 0;
  std::string text;
  VisitDescendants([&](const Process& process) {
    if (process.id == except || ++count > kMost) return;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", process.id, process.name);
  });
  if (count > kMost) text += fmt::format(" and {} more", count - kMost);
  return text;
}

}  // namespace monopod::supervise
