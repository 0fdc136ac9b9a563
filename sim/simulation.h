// One schedule from beginning to end: candidates over a simulated store while faults happen, then
// a time without faults in which somebody must get the lock.
#pragma once

#include <cstdint>
#include <string>

#include "sim/protocol_under_test.h"
#include "sim/result.h"
#include "sim/schedule.h"

namespace monopod::sim {

struct SimulationOptions {
  std::uint64_t seed = 0;
  bool trace = false;
  MakeProtocol make_protocol = MakeProductionProtocol;
  Beyond judged = Beyond::kNothing;
};

SimulationResult Simulate(const SimulationOptions& options);

// What the schedule of a seed is, in one line.
std::string Describe(const Schedule& schedule);

}  // namespace monopod::sim
