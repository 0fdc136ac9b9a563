#include "tests/faults/sandbox.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <system_error>

namespace monopod::faults {
namespace {

volatile sig_atomic_t asked_to_end = 0;

void NoteEnd(int /*signal*/) { asked_to_end = 1; }

int Fail(const char* what) {
  std::cerr << "monopod-faults: " << what << ": " << std::generic_category().message(errno)
            << " (it needs root)\n";
  return 70;
}

sigset_t Ends() {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, signal);
  return ends;
}

// Outlives the sandbox's first process by as long as it takes to thaw. The pipe ends with that
// process, before the kernel waits for all others in the sandbox.
[[noreturn]] void ThawAtTheEnd(int pipe) {
  char byte = 0;
  while (read(pipe, &byte, 1) < 0 && errno == EINTR) {
  }
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kScratch, none)) {
    if (!entry.is_directory(none)) continue;
    const int fd = open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    while (ioctl(fd, FITHAW, 0) == 0) {
    }
    close(fd);
  }
  _exit(0);
}

[[noreturn]] void Inside(const std::function<int()>& inside) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sigaction action{};
  action.sa_handler = NoteEnd;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  const sigset_t ends = Ends();
  sigprocmask(SIG_UNBLOCK, &ends, nullptr);
  if (mount("proc", "/proc", "proc", 0, nullptr) != 0) _exit(Fail("cannot mount /proc"));
  const int code = inside();
  std::cout.flush();
  std::fflush(nullptr);
  _exit(code);  // the others die with this process
}

int Await(pid_t inside) {
  sigset_t awaited = Ends();
  sigaddset(&awaited, SIGCHLD);
  while (true) {
    int status = 0;
    const pid_t ended = waitpid(inside, &status, WNOHANG);
    if (ended == inside) return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
    const int signal = sigwaitinfo(&awaited, nullptr);
    if (signal > 0 && signal != SIGCHLD) kill(inside, SIGTERM);
  }
}

}  // namespace

int RunInSandbox(const std::function<int()>& inside) {
  sigset_t blocked = Ends();
  sigaddset(&blocked, SIGCHLD);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  std::array<int, 2> alive{};
  if (pipe2(alive.data(), O_CLOEXEC) != 0) return Fail("no pipe");
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) return Fail("no namespaces");
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/run", "tmpfs", 0, "size=2g") != 0 || mkdir(kScratch, 0755) != 0) {
    return Fail("no file system of its own");
  }
  const pid_t thawer = fork();
  if (thawer == 0) {
    close(alive[1]);
    ThawAtTheEnd(alive[0]);
  }
  if (unshare(CLONE_NEWPID) != 0) return Fail("no process namespace");
  const pid_t first = fork();
  if (first < 0) return Fail("no process");
  if (first == 0) {
    close(alive[0]);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &child, nullptr);
    Inside(inside);
  }
  close(alive[0]);
  close(alive[1]);
  const int code = Await(first);
  waitpid(thawer, nullptr, 0);
  return code;
}

bool IsAskedToEnd() { return asked_to_end != 0; }

}  // namespace monopod::faults
