// What every lock machine is given and answers with, whatever its store keeps.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "monopod/event.h"
#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/protocol/times.h"

namespace monopod::protocol {

// How long at least a hold is observed whose holder something that is not monopod has blanked.
inline constexpr std::chrono::seconds kBlankedTtl{15};

// The moment of a call, on both clocks. The wall clock is written into records for people, and
// is otherwise a hint only.
struct Moment {
  BootTime boot;
  WallTime wall;
};

struct Claim {
  std::string lock;
  Holder holder;  // `instance` must be a nonce of this claim alone
  Times times;
  HoldKind kind = HoldKind::kProcess;
  std::optional<int> slots;                // unset: whatever the lock has
  std::chrono::nanoseconds lock_delay{0};  // added after an end that was not clean
  bool recovery_delay = true;              // false gives up I10
  // Unset: a foreign hold whose record has no TTL never goes stale, and a blanked one that is not
  // free goes stale after kBlankedTtl at least.
  std::optional<std::chrono::nanoseconds> foreign_ttl;
  bool wait_for_live_holder = true;    // false: --no-wait
  std::optional<BootTime> give_up_at;  // unset: waits for ever
  std::chrono::nanoseconds store_timeout = std::chrono::seconds(10);
};

// Nothing to do before `until` or before the caller calls Stop().
struct IdleAction {
  BootTime until;
};
struct TellAction {
  Event event;
};
enum class Outcome : std::uint8_t {
  kNotAcquired,  // gave up; nothing of this claim is left
  kReleased,     // held, and ended clean
  kLost,         // held, and the hold ended otherwise
  kFailed,       // see DoneAction::error; nothing of this claim is left
  kUnknown,      // a write of this claim may have landed or may still land; see error
};
struct DoneAction {
  Outcome outcome = Outcome::kNotAcquired;
  Error error;
};

}  // namespace monopod::protocol
