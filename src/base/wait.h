// Waiting on BootClock, which no condition variable of the standard library can.
#pragma once

#include <stop_token>

#include "src/base/clock.h"

namespace monopod {

// Blocks until `deadline` or until `stop` is requested, whichever is first. Any thread.
void WaitUntil(BootTime deadline, const std::stop_token& stop);

}  // namespace monopod
