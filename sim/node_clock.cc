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

}  // namespace monopod::sim
