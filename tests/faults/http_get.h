// Asks a plain HTTP server that may be dead, stopped or cut off.
#pragma once

#include <string>

#include "tests/faults/relay.h"

namespace monopod::faults {

// What it answers, header and all; empty if it does not within half a second.
std::string HttpGet(const Address& server, const std::string& path);

}  // namespace monopod::faults
