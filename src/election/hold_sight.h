// Whether a hold goes on, as this process has seen it: it does unless nobody has renewed it for its
// TTL (and 1 %) by the own clock. The times that stand with it are another machine's: they are only
// compared with each other. Pure: no I/O, no clock.
#pragma once

#include <chrono>
#include <optional>

#include "monopod/lock_client.h"
#include "src/base/clock.h"

namespace monopod::election {

// What a look shows of a hold.
struct HoldMark {
  Token token = 0;
  WallTime renewed{};  // each renewal changes it
  std::chrono::milliseconds ttl{0};
  bool is_sticky = false;  // goes on without renewals
};
HoldMark MarkOf(const SlotStatus& slot);

// Of whoever holds the lock, or is about to; nothing: nobody.
std::optional<HoldMark> FindHold(const LockStatus& status);

// Threads: none; calls must not overlap.
class HoldSight {
 public:
  // To be told of each look that shows a hold. One that is seen for the first time goes on.
  bool GoesOn(const HoldMark& seen, BootTime now);

 private:
  HoldMark last_;
  std::optional<BootTime> unchanged_since_;
};

}  // namespace monopod::election
