#include "src/cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace monopod::cli {

Interrupt::Interrupt(std::shared_ptr<observe::AttemptLog> log) : log_(std::move(log)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  end_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  watcher_ = std::thread([this] { Watch(); });
}

Interrupt::~Interrupt() {
  eventfd_write(end_, 1);
  watcher_.join();
  close(signals_);
  close(end_);
}

void Interrupt::Watch() {
  std::array<pollfd, 2> fds = {{{.fd = signals_, .events = POLLIN, .revents = 0},
                                {.fd = end_, .events = POLLIN, .revents = 0}}};
  // Only a live line needs to be woken while nothing changes.
  const int tick_ms = log_->is_live() ? 1000 : -1;
  while ((fds[1].revents & POLLIN) == 0) {
    const int ready = poll(fds.data(), fds.size(), tick_ms);
    if (ready == 0) log_->Tick();
    if (ready <= 0 || (fds[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    signal_ = static_cast<int>(info.ssi_signo);
    stop_.request_stop();
  }
}

}  // namespace monopod::cli
