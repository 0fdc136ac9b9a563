// True time, which nobody in the simulation can read, and the clocks of the simulated machines.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "src/base/clock.h"

namespace monopod::sim {

struct TrueClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TrueClock, duration>;
  static constexpr bool is_steady = true;
};
using TrueTime = TrueClock::time_point;

// What a wall clock that is right shows.
inline WallTime WallAt(TrueTime time) {
  constexpr WallTime kStart{std::chrono::hours(24 * 365 * 56)};
  return kStart + std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch());
}

// One machine's boot clock: any offset, a constant rate, and stopped while the machine is paused.
// While a machine is suspended its clock goes on, and nothing else.
class NodeClock {
 public:
  // `rate_error` in millionths: 4,900 runs 0.49 % fast.
  NodeClock(BootTime at_start, std::int64_t rate_error)
      : at_start_(at_start), rate_error_(rate_error) {}

  BootTime At(TrueTime time) const;

  // The earliest true time at which this clock shows `local`, unless it is paused once more.
  TrueTime When(BootTime local) const;

  // Stops the clock, and the machine with it, from `now` to `until`.
  void Pause(TrueTime now, TrueTime until);
  void Suspend(TrueTime now, TrueTime until);
  // Nothing on this machine runs before.
  TrueTime stands_until() const { return std::max(pause_end_, suspend_end_); }
  // Whether it sleeps, or slept, at any time between these two, by this clock.
  bool SleptBetween(BootTime from, BootTime to) const;
  // When it woke up last, or will.
  BootTime woke_at() const { return At(suspend_end_); }

 private:
  BootTime at_start_;
  std::int64_t rate_error_;
  std::chrono::nanoseconds paused_before_{0};  // by earlier pauses
  TrueTime pause_start_{};
  TrueTime pause_end_{};
  TrueTime suspend_start_{};  // the latest
  TrueTime suspend_end_{};
};

}  // namespace monopod::sim
