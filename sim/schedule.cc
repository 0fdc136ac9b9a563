#include "sim/schedule.h"

#include <algorithm>

namespace monopod::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Each class of fault is there or not: what is everywhere hides what only happens without it.
Faults RandomFaults(Random& random, bool within_bounds, int slots) {
  const auto maybe = [&](double probability) {
    return random.Chance(0.4) ? probability * random.OneOf({0.2, 1.0, 2.0}) : 0.0;
  };
  Faults faults;
  faults.lost_request = maybe(0.06);
  faults.lost_reply = maybe(0.06);
  faults.late_write = maybe(0.06);
  faults.lost_hint = maybe(0.3);
  faults.stall = maybe(0.02);
  faults.crash = maybe(0.4);
  faults.partition = maybe(0.08);
  faults.outage = maybe(0.04);
  faults.disk_full = maybe(0.03);
  faults.denied = random.Chance(0.05) ? 0.01 : 0.0;
  faults.breaks = maybe(0.15);
  if (slots == 1 && random.Chance(0.25)) faults.deletion = 0.1;
  if (slots > 1 && random.Chance(0.4)) faults.resize = 0.2;
  if (!within_bounds) faults.pause = random.Chance(0.7) ? 0.1 : 0.0;
  return faults;
}

}  // namespace

Schedule MakeSchedule(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Schedule schedule{.seed = seed};
  schedule.within_bounds = random.Chance(0.85);
  schedule.slots = random.OneOf({1, 1, 1, 2, 3});
  schedule.shared_clock = random.Chance(0.25);
  schedule.tokens_from_versions = random.Chance(0.5);
  schedule.made_by_hand = random.Chance(0.1);
  schedule.candidates = DrawParticipants(
      random, {.within_bounds = schedule.within_bounds, .ttls = {2, 2, 3, 4, 6, 10, 15}});
  schedule.latency =
      random.OneOf<nanoseconds>({std::chrono::microseconds(100), milliseconds(2), milliseconds(2),
                                 milliseconds(30), milliseconds(200)});
  // Calls that never are answered in time prove nothing.
  for (const CandidateSpec& candidate : schedule.candidates) {
    schedule.latency = std::min(schedule.latency, nanoseconds(candidate.times.attempt) / 2);
  }
  schedule.fault_time = LongestTimes(schedule.candidates).ttl * (3 + random.Below(7));
  schedule.faults = RandomFaults(random, schedule.within_bounds, schedule.slots);
  return schedule;
}

}  // namespace monopod::sim
