// The clock that safety is judged by, and the wall clock that people read.
//
// BootClock is CLOCK_BOOTTIME: it counts suspend, is the same in all processes
// of one boot and one time namespace, and is never set. It does not count the
// pause of a virtual machine; only fencing tokens protect there.
//
// Code under src/protocol never reads a clock: time is passed to it.
#pragma once

#include <chrono>
#include <ctime>
#include <string>

#include "monopod/types.h"

namespace monopod {

struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
};

using BootTime = BootClock::time_point;

WallTime WallNow();

// For the POSIX calls that want a timespec on CLOCK_BOOTTIME or CLOCK_REALTIME.
timespec ToTimespec(std::chrono::nanoseconds since_epoch);

// RFC 3339 in UTC with microseconds, "2026-11-21T08:00:00.000000Z"; empty for the epoch,
// which stands for "never".
std::string FormatWallTime(WallTime time);
// The inverse. Times are for people, so a text that is none, edited by hand perhaps, reads as
// "never"; so does one before 1970 or after 2199.
WallTime ParseWallTime(const std::string& text);

}  // namespace monopod
