// What all parts of one schedule share, whatever the store.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "sim/event_queue.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace monopod::sim {

struct World {
  World(std::uint64_t seed, bool readable_trace) : random(seed), trace(readable_trace) {}

  Random random;
  EventQueue queue;
  Trace trace;
  TrueTime heal_at{};       // faults stop
  bool faults_on = true;    // until then
  bool progressed = false;  // a hold was told since then

  bool Happens(double probability) { return faults_on && random.Chance(probability); }
  // Some moment from now on, before faults stop.
  TrueTime Within(std::chrono::nanoseconds most) {
    return std::min(queue.now() + random.In({.to = most}), std::max(heal_at, queue.now()));
  }
};

}  // namespace monopod::sim
