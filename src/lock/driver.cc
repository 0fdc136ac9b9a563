#include "src/lock/driver.h"

#include <utility>
#include <variant>

#include "src/base/nonce.h"
#include "src/base/wait.h"

namespace monopod::lock {
namespace {

using protocol::Moment;

Moment Now() { return {.boot = BootClock::now(), .wall = WallNow()}; }

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

Driver::Driver(std::shared_ptr<protocol::RecordStore> store, protocol::Claim claim, EventSink sink)
    : store_(std::move(store)),
      claim_(std::move(claim)),
      sink_(std::move(sink)),
      machine_(claim_, RandomNonce) {}

Driver::Progress Driver::Step(const std::stop_token& wake) {
  if (std::exchange(untold_loss_, false) && sink_) sink_(last_event_);
  protocol::Action action = machine_.Next(Now());
  const auto read = [&](const protocol::ReadAction& call) {
    const auto reply = store_->Read(call.name, call.deadline);
    machine_.OnRead(reply, Now());
    return Progress::kGoing;
  };
  const auto write = [&](const protocol::WriteAction& call) {
    // Taken before the call: a tenure counts from here.
    const Moment sent = Now();
    const auto reply = store_->Write(call.name, call.expected, call.record, call.deadline);
    machine_.OnWrite(reply, sent, Now());
    return Progress::kGoing;
  };
  const auto await = [&](const protocol::AwaitAction& call) {
    store_->AwaitChange(call.seen, call.until, wake);
    machine_.OnAwaited();
    return Progress::kGoing;
  };
  const auto idle = [&](const protocol::IdleAction& call) {
    WaitUntil(call.until, wake);
    return Progress::kGoing;
  };
  const auto tell = [&](protocol::TellAction& call) { return Tell(std::move(call.event)); };
  const auto done = [&](protocol::DoneAction& call) {
    done_ = std::move(call);
    return Progress::kDone;
  };
  return std::visit(Overloaded{read, write, await, idle, tell, done}, action);
}

Driver::Progress Driver::Tell(Event event) {
  event.lock = claim_.lock;
  event.asker = claim_.holder;
  last_event_ = std::move(event);
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
