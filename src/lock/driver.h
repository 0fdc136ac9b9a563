// One claim as the rest of the library sees it: a lock machine together with what carries out its
// actions, with blocking calls and the real clocks. Each kind of store has one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "monopod/event.h"
#include "src/protocol/claim.h"

namespace monopod::lock {

using EventSink = std::function<void(const Event&)>;

// Threads: one at a time, but different ones may follow each other.
class Driver {
 public:
  enum class Progress : std::uint8_t { kGoing, kHeld, kLost, kDone };

  virtual ~Driver() = default;

  // One action of the machine. Blocks for at most the action's own deadline; `wake` cuts a wait
  // short, not a call to the store. After kDone only kDone follows.
  Progress Step(const std::stop_token& wake);

  // The caller wants no more: gives up the claim or releases the hold. After kHeld the work must be
  // over. kDone follows by `end_by` or soon after it.
  virtual void Stop(BootTime end_by) = 0;

  // After kHeld.
  virtual std::optional<protocol::Tenure> tenure() const = 0;
  virtual Token token() const = 0;
  virtual int slot() const = 0;
  // Whether each of its calls to the store ends by its deadline, and none can hang in the kernel.
  virtual bool ends_in_time() const { return false; }

  const protocol::Claim& claim() const { return claim_; }
  // After kDone.
  const protocol::DoneAction& done() const { return done_; }
  // The last event that was told.
  const Event& last_event() const { return last_event_; }

 protected:
  Driver(protocol::Claim claim, EventSink sink);

  // Carries out one action, with one of the three below if it is one of theirs.
  virtual Progress Act(const std::stop_token& wake) = 0;

  Progress Tell(protocol::TellAction& action);
  static Progress Idle(const protocol::IdleAction& action, const std::stop_token& wake);
  Progress Finish(protocol::DoneAction& action);

 private:
  const protocol::Claim claim_;
  const EventSink sink_;
  protocol::DoneAction done_;
  Event last_event_;
  bool untold_loss_ = false;  // the sink has not been told of last_event_
};

// Both clocks, now.
protocol::Moment MomentNow();

// For std::visit.
template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace monopod::lock
