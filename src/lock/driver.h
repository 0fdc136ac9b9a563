// Carries out what a record machine asks for, with blocking calls and the real clocks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "monopod/event.h"
#include "src/protocol/record_machine.h"
#include "src/protocol/record_store.h"

namespace monopod::lock {

using EventSink = std::function<void(const Event&)>;

// Threads: one at a time, but different ones may follow each other.
class Driver {
 public:
  enum class Progress : std::uint8_t { kGoing, kHeld, kLost, kDone };

  Driver(std::shared_ptr<protocol::RecordStore> store, protocol::Claim claim, EventSink sink);

  // One action of the machine. Blocks for at most the action's own deadline; `wake` cuts a wait
  // short, not a call to the store. After kDone only kDone follows.
  Progress Step(const std::stop_token& wake);

  // RecordMachine::Stop.
  void Stop(BootTime end_by) { machine_.Stop(end_by); }

  std::optional<protocol::Tenure> tenure() const { return machine_.tenure(); }
  // After kHeld.
  Token token() const { return machine_.token(); }
  int slot() const { return machine_.slot(); }
  const protocol::Claim& claim() const { return claim_; }
  // After kDone.
  const protocol::DoneAction& done() const { return done_; }
  // The last event that was told.
  const Event& last_event() const { return last_event_; }

 private:
  Progress Tell(Event event);

  const std::shared_ptr<protocol::RecordStore> store_;
  const protocol::Claim claim_;
  const EventSink sink_;
  protocol::RecordMachine machine_;
  protocol::DoneAction done_;
  Event last_event_;
  bool untold_loss_ = false;  // the sink has not been told of last_event_
};

}  // namespace monopod::lock
