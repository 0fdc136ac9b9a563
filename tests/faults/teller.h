// Tells what a client does, one line a write, so that lines of several processes on one pipe do not
// mix and none is half there when a process is killed.
//
// Threads: any.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "src/base/clock.h"

namespace monopod::faults {

class Teller {
 public:
  // `clock_offset`: how far the clock of this process is ahead of the machine's.
  explicit Teller(std::chrono::seconds clock_offset) : clock_offset_(clock_offset) {}

  // By the machine's clock.
  std::chrono::nanoseconds Now() const {
    return BootClock::now().time_since_epoch() - clock_offset_;
  }
  // "KIND NOW REST".
  void Tell(std::string_view kind, std::string_view rest = {}) const;
  void TellLine(std::string line) const;

 private:
  const std::chrono::seconds clock_offset_;
};

}  // namespace monopod::faults
