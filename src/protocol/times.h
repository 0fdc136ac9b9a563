// The times of a hold: how often it is proved, when its work is told to stop, and when it is
// dead (docs/PROTOCOL.md, "Time"). All count from the *send* of the last proof, on BootClock.
#pragma once

#include <chrono>
#include <optional>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod::protocol {

inline constexpr std::chrono::seconds kDefaultTtl{15};
inline constexpr std::chrono::seconds kMinTtl{2};
inline constexpr std::chrono::hours kMaxTtl{24};

// From the kill signal to the last process being gone.
inline constexpr std::chrono::milliseconds kDeathAllowance{250};

struct Times {
  std::chrono::milliseconds ttl{};      // silence of this length (and 1 %) makes a hold stale
  std::chrono::milliseconds renew{};    // from one proof to the next
  std::chrono::milliseconds attempt{};  // the longest that one call to the store may take
  std::chrono::milliseconds term{};     // the work is told to stop
  std::chrono::milliseconds kill{};     // the work is killed
};

// What a caller may set; the rest follows from the TTL.
struct TimesRequest {
  std::chrono::nanoseconds ttl = kDefaultTtl;
  std::optional<std::chrono::nanoseconds> renew;    // default TTL/4
  std::optional<std::chrono::nanoseconds> attempt;  // default min(TTL/6, 3 s)
  std::optional<std::chrono::nanoseconds> term;     // default 0.6 TTL
  std::optional<std::chrono::nanoseconds> kill;     // default 0.8 TTL
};

// What a store allows.
struct TimesLimits {
  std::chrono::seconds min_ttl = kMinTtl;
  // From the kill to where another clock may see the TTL end.
  std::chrono::milliseconds kill_margin = kDeathAllowance;
};
// On a Lease, since electors of client-go look at whole seconds.
inline constexpr TimesLimits kLeaseLimits{.min_ttl = std::chrono::seconds(7),
                                          .kill_margin = std::chrono::seconds(1)};

// Times that keep `renew + 2 attempt <= term < kill <= 0.95 TTL - 0.25 s` and `attempt <= 0.2 TTL`,
// with a TTL of whole seconds from 2 s to 24 h, or what `limits` say instead. Fails with
// kInvalidArgument and a message that names the inequality and both its sides.
Result<Times> MakeTimes(const TimesRequest& request, const TimesLimits& limits = {});

// How long a hold with this TTL must be silent before it may be taken over. The hundredth covers
// two clocks whose rates differ by less than 1 %.
std::chrono::nanoseconds SilenceToTakeOver(std::chrono::milliseconds ttl);

// How long after a proof the work that it covered is over, on any clock within 1 %.
std::chrono::nanoseconds RecoveryTime(std::chrono::milliseconds kill);

// The deadlines of one hold's work, from its last proof.
struct Tenure {
  BootTime proof;  // when the write that landed was sent
  Times times;

  BootTime TermAt() const { return proof + times.term; }
  BootTime KillAt() const { return proof + times.kill; }
};

}  // namespace monopod::protocol
