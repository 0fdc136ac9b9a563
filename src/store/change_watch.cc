#include "src/store/change_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace monopod::store {
namespace {

using namespace std::chrono_literals;

// IN_ATTRIB is how a file that is still open tells of its unlink.
constexpr std::uint32_t kGone = IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;

}  // namespace

void AnnounceChange(const std::string& wal) {
  const int descriptor = open(wal.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor >= 0) close(descriptor);
}

ChangeWatch::FileDescriptor::~FileDescriptor() {
  if (valid()) close(number_);
}

ChangeWatch::ChangeWatch(Pace pace)
    : pace_(pace),
      events_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      stop_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {}

ChangeWatch::~ChangeWatch() = default;

std::unique_ptr<ChangeWatch> ChangeWatch::Create(Pace pace) {
  std::unique_ptr<ChangeWatch> watch(new ChangeWatch(pace));
  const bool complete = watch->events_.valid() && watch->stop_.valid() && watch->timer_.valid();
  return complete ? std::move(watch) : nullptr;
}

bool ChangeWatch::Arm(const StorePaths& paths) {
  DrainEvents();
  eventfd_t stops = 0;
  eventfd_read(stop_.get(), &stops);  // fails if there were none
  wal_ = paths.wal;
  if (!HearWrites(true)) return false;
  if (inotify_add_watch(events_.get(), paths.database.c_str(), kGone) < 0) return false;
  // A commit may have been written before this, and become visible after the caller's look.
  LookAfterWrite();
  return true;
}

// A commit is several writes, and none of them makes it visible: after the first, the next ones
// are not worth a wake.
bool ChangeWatch::HearWrites(bool hear) {
  const std::uint32_t mask = kGone | IN_CLOSE_WRITE | (hear ? IN_MODIFY : 0);
  return inotify_add_watch(events_.get(), wal_.c_str(), mask) >= 0;
}

void ChangeWatch::SetTimer(BootTime when) const {
  // A zero would disarm the timer instead of firing at once.
  const auto since_epoch = std::max<std::chrono::nanoseconds>(when.time_since_epoch(), 1ns);
  const itimerspec setting{.it_interval = {}, .it_value = ToTimespec(since_epoch)};
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

std::uint32_t ChangeWatch::DrainEvents() const {
  std::uint32_t seen = 0;
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = read(events_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return seen;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, &buffer[at], sizeof event);
      seen |= event.mask;
      at += sizeof event + event.len;
    }
  }
}

bool ChangeWatch::NeedsLook(std::uint32_t events) {
  if ((events & ~std::uint32_t{IN_MODIFY}) != 0) return true;
  if (events != 0) {
    HearWrites(false);
    LookAfterWrite();
  }
  return false;
}

void ChangeWatch::LookAfterWrite() {
  look_delay_ = pace_.first;
  look_at_ = BootClock::now() + look_delay_;
}

ChangeWatch::Wake ChangeWatch::Wait(BootTime deadline, const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] { eventfd_write(stop_.get(), 1); });
  for (;;) {
    if (stop.stop_requested()) return Wake::kStopped;
    const BootTime now = BootClock::now();
    if (now >= deadline) return Wake::kDeadline;
    if (look_at_ && now >= *look_at_) {
      look_delay_ *= 2;
      look_at_ = look_delay_ <= pace_.longest ? std::optional(now + look_delay_) : std::nullopt;
      HearWrites(true);
      return Wake::kLook;
    }
    SetTimer(std::min(deadline, look_at_.value_or(BootTime::max())));
    std::array<pollfd, 3> ready{{{.fd = events_.get(), .events = POLLIN},
                                 {.fd = stop_.get(), .events = POLLIN},
                                 {.fd = timer_.get(), .events = POLLIN}}};
    if (poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[0].revents != 0 && NeedsLook(DrainEvents())) return Wake::kLook;
  }
}

}  // namespace monopod::store
