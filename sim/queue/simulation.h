// One schedule of the queue in etcd from beginning to end: clients over a simulated cluster while
// faults happen; then a time without faults in which somebody must get the lock, all claims end,
// and nothing may be left.
#pragma once

#include "sim/queue/machine_under_test.h"
#include "sim/queue/schedule.h"
#include "sim/result.h"

namespace monopod::sim::queue {

struct SimulationOptions {
  std::uint64_t seed = 0;
  bool trace = false;
  MachineMaker make_machine = MakeProductionMachine;
  Beyond judged = Beyond::kNothing;
};

SimulationResult Simulate(const SimulationOptions& options);

}  // namespace monopod::sim::queue
