#include "src/cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <utility>

namespace monopod::cli {

Result<std::unique_ptr<Interrupt>> Interrupt::Start(Options options) {
  std::unique_ptr<Interrupt> interrupt(new Interrupt(std::move(options)));
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    struct sigaction action{};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&set, signal);
  }
  if (interrupt->options_.reap) sigaddset(&set, SIGCHLD);
  interrupt->signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  interrupt->end_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (interrupt->signals_ < 0 || interrupt->end_ < 0) {
    return Fail(ErrorCode::kUnavailable, "no file descriptors are left to watch for signals");
  }
  try {
    interrupt->watcher_ = std::thread([watched = interrupt.get()] { watched->Watch(); });
  } catch (const std::system_error& error) {
    return Fail(ErrorCode::kUnavailable, std::string("cannot watch for signals: ") + error.what());
  }
  return interrupt;
}

int Interrupt::Stop() {
  if (watcher_.joinable()) {
    eventfd_write(end_, 1);
    watcher_.join();
  }
  return signal_;
}

Interrupt::~Interrupt() {
  Stop();
  if (signals_ >= 0) close(signals_);
  if (end_ >= 0) close(end_);
}

void Interrupt::Watch() {
  // Those that ended before this are not announced any more.
  if (options_.reap) options_.reap();
  std::array<pollfd, 2> fds = {{{.fd = signals_, .events = POLLIN, .revents = 0},
                                {.fd = end_, .events = POLLIN, .revents = 0}}};
  // Only a live line needs to be woken while nothing changes.
  const int tick_ms = options_.log->is_live() ? 1000 : -1;
  while ((fds[1].revents & POLLIN) == 0) {
    const int ready = poll(fds.data(), fds.size(), tick_ms);
    if (ready == 0) options_.log->Tick();
    if (ready <= 0 || (fds[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    if (info.ssi_signo == SIGCHLD) {
      options_.reap();
      continue;
    }
    signal_ = static_cast<int>(info.ssi_signo);
    stop_.request_stop();
  }
}

}  // namespace monopod::cli
