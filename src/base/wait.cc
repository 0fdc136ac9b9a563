#include "src/base/wait.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace monopod {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// For a process that is out of descriptors: no condition variable knows BootClock, so it is looked
// at every so often.
void WaitInSteps(BootTime deadline, const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kStep(50);
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested() && BootClock::now() < deadline) {
    changed.wait_for(lock, stop,
                     std::min<std::chrono::nanoseconds>(kStep, deadline - BootClock::now()),
                     [] { return false; });
  }
}

}  // namespace

void WaitUntil(BootTime deadline, const std::stop_token& stop) {
  if (stop.stop_requested() || BootClock::now() >= deadline) return;
  const Descriptor timer(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  const Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (timer.get() < 0 || wake.get() < 0) {
    WaitInSteps(deadline, stop);
    return;
  }
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
