#include "src/supervise/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace monopod::supervise {

namespace {

// In a pipeline another program may own the terminal's input or output, and must not be stopped for
// touching it. A group outside this PID namespace is called 0 and could not be given it back.
FileDescriptor OpenTerminal() {
  const bool whole = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && getpgrp() != 0;
  return FileDescriptor(whole ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1);
}

}  // namespace

Terminal::Terminal() : descriptor_(OpenTerminal()), home_(getpgrp()) {}

bool Terminal::IsForeground(pid_t group) const {
  return descriptor_.is_open() && tcgetpgrp(descriptor_.get()) == group;
}

void Terminal::HandTo(pid_t group) const {
  if (!descriptor_.is_open()) return;
  // From the background this would raise SIGTTOU, unless it is blocked.
  sigset_t background_output;
  sigset_t before;
  sigemptyset(&background_output);
  sigaddset(&background_output, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &background_output, &before);
  tcsetpgrp(descriptor_.get(), group);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Terminal::TakeBack() const {
  if (!descriptor_.is_open()) return;
  const pid_t foreground = tcgetpgrp(descriptor_.get());
  if (foreground > 1 && kill(-foreground, 0) != 0 && errno == ESRCH) HandTo(home_);
}

}  // namespace monopod::supervise
