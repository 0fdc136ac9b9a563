#include "src/lock/driver.h"

#include <utility>

#include "src/base/wait.h"

namespace monopod::lock {

protocol::Moment MomentNow() { return {.boot = BootClock::now(), .wall = WallNow()}; }

Driver::Driver(protocol::Claim claim, EventSink sink)
    : claim_(std::move(claim)), sink_(std::move(sink)) {}

Driver::Progress Driver::Step(const std::stop_token& wake) {
  if (std::exchange(untold_loss_, false) && sink_) sink_(last_event_);
  return Act(wake);
}

Driver::Progress Driver::Idle(const protocol::IdleAction& action, const std::stop_token& wake) {
  WaitUntil(action.until, wake);
  return Progress::kGoing;
}

Driver::Progress Driver::Finish(protocol::DoneAction& action) {
  done_ = std::move(action);
  return Progress::kDone;
}

Driver::Progress Driver::Tell(protocol::TellAction& action) {
  last_event_ = std::move(action.event);
  last_event_.lock = claim_.lock;
  last_event_.asker = claim_.holder;
  // A loss is told after the caller has heard of it: stop the work, then tell.
  untold_loss_ = last_event_.kind == EventKind::kLost;
  if (!untold_loss_ && sink_) sink_(last_event_);
  switch (last_event_.kind) {
    case EventKind::kAcquired:
    case EventKind::kTakenOver: return Progress::kHeld;
    case EventKind::kLost: return Progress::kLost;
    case EventKind::kWaiting:
    case EventKind::kSkipped:
    case EventKind::kStale:
    case EventKind::kRecovering:
    case EventKind::kReleased:
    case EventKind::kBroken: return Progress::kGoing;
  }
  return Progress::kGoing;
}

}  // namespace monopod::lock
