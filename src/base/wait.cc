#include "src/base/wait.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace monopod {
namespace {

// Out of descriptors there is no safe way to go on keeping deadlines.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd_ < 0) std::abort();
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

void WaitUntil(BootTime deadline, const std::stop_token& stop) {
  if (stop.stop_requested() || BootClock::now() >= deadline) return;
  const Descriptor timer(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  const Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback on_stop(stop, [&wake] { eventfd_write(wake.get(), 1); });
  if (deadline != BootTime::max()) {
    itimerspec at{};
    at.it_value = ToTimespec(deadline.time_since_epoch());
    timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &at, nullptr);
  }
  std::array<pollfd, 2> fds = {{{.fd = timer.get(), .events = POLLIN, .revents = 0},
                                {.fd = wake.get(), .events = POLLIN, .revents = 0}}};
  while (poll(fds.data(), fds.size(), -1) < 0) {
  }
}

}  // namespace monopod
