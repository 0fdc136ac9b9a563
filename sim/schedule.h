// What a seed stands for: who takes part, with which clocks and times, and which faults happen.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/participants.h"

namespace monopod::sim {

// Probabilities are per call, claim or other occasion; 0 where a fault is not part of a schedule.
struct Faults {
  double lost_request = 0;
  double lost_reply = 0;
  double late_write = 0;  // lands after its deadline, perhaps after it was read back
  double lost_hint = 0;   // a change that AwaitChange does not tell
  double stall = 0;       // a process that does not run for a while; its guardian does
  double crash = 0;       // per claim
  double partition = 0;   // per look at the network, several a TTL
  double outage = 0;
  double disk_full = 0;
  double denied = 0;
  double breaks = 0;
  double deletion = 0;
  double resize = 0;
  double pause = 0;  // of a machine with its clock: outside the bounds
};

struct Schedule {
  std::uint64_t seed = 0;
  std::vector<CandidateSpec> candidates;
  int slots = 1;
  bool shared_clock = false;          // all on one machine, and the store knows each stamp's age
  bool tokens_from_versions = false;  // as on Kubernetes; else from a counter, as in SQLite
  bool made_by_hand = false;          // the record exists at first, and says nothing of slots
  bool within_bounds = true;          // clock rates within 1 %, and no pause: I10 is promised
  std::chrono::nanoseconds latency{0};
  std::chrono::nanoseconds fault_time{0};
  Faults faults;
};

Schedule MakeSchedule(std::uint64_t seed);

}  // namespace monopod::sim
