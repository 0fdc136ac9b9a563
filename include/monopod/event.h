// What an attempt to hold a lock tells while it goes on: enough to understand a stuck lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "monopod/types.h"

namespace monopod {

enum class EventKind : std::uint8_t {
  kWaiting,     // somebody holds it; waiting
  kSkipped,     // not acquired; gave up
  kStale,       // the holder was judged silent for too long; `detail` says why
  kRecovering,  // claimed, but earlier work may still run; `duration` is left to wait
  kAcquired,    // holds; the work may begin
  kTakenOver,   // holds, after a holder that did not end clean
  kLost,        // the hold is over or cannot be proved: stop the work
  kReleased,    // ended clean
  kBroken,      // ended by an administrator
};

// "waiting", "skipped", "stale", "recovering", "acquired", "taken-over", "lost", "released",
// "broken".
std::string_view EventKindName(EventKind kind);

struct Event {
  EventKind kind = EventKind::kWaiting;
  std::string lock;
  Holder asker;  // whose attempt this is
  int slot = 0;
  Token token = 0;  // of the own hold, where there is one
  Holder owner;     // the other party: who holds, held before, or took over; may be blank
  WallTime owner_since{};
  WallTime owner_renewed{};
  // Waiting, skipped, stale: the owner's silence. Recovering: what is left to wait.
  std::chrono::nanoseconds duration{0};
  std::string detail;
};

}  // namespace monopod
