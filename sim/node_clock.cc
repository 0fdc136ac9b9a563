#include "sim/node_clock.h"

#include <algorithm>

namespace monopod::sim {
namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kMillion = 1'000'000;

}  // namespace

BootTime NodeClock::At(TrueTime time) const {
  const nanoseconds pause = std::clamp(time, pause_start_, pause_end_) - pause_start_;
  const nanoseconds running = time.time_since_epoch() - paused_before_ - pause;
  return at_start_ + running + running / kMillion * rate_error_ +
         running % kMillion * rate_error_ / kMillion;
}

TrueTime NodeClock::When(BootTime local) const {
  const nanoseconds shown = std::max(local - at_start_, nanoseconds(0));
  const nanoseconds running =
      shown / (kMillion + rate_error_) * kMillion +
      shown % (kMillion + rate_error_) * kMillion / (kMillion + rate_error_);
  TrueTime time{running + paused_before_};
  if (time > pause_start_) time += pause_end_ - pause_start_;
  while (At(time) < local) time += nanoseconds(1);  // what the divisions rounded away
  return time;
}

void NodeClock::Pause(TrueTime now, TrueTime until) {
  if (now < pause_end_) {
    pause_end_ = std::max(pause_end_, until);
    return;
  }
  paused_before_ += pause_end_ - pause_start_;
  pause_start_ = now;
  pause_end_ = until;
}

void NodeClock::Suspend(TrueTime now, TrueTime until) {
  // Between two naps it does not get far.
  if (now >= suspend_end_ + std::chrono::seconds(1)) suspend_start_ = now;
  suspend_end_ = std::max(suspend_end_, until);
}

bool NodeClock::SleptBetween(BootTime from, BootTime to) const {
  return suspend_end_ > suspend_start_ && At(suspend_start_) <= to && from <= At(suspend_end_);
}

}  // namespace monopod::sim
