#include "sim/queue/schedule.h"

#include <fmt/format.h>

#include <algorithm>

namespace monopod::sim::queue {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Each class of fault is there or not: what is everywhere hides what only happens without it.
Faults RandomFaults(Random& random, bool within_bounds, int slots) {
  const auto maybe = [&](double probability) {
    return random.Chance(0.35) ? probability * random.OneOf({0.2, 1.0, 2.0}) : 0.0;
  };
  Faults faults;
  faults.lost_request = maybe(0.06);
  faults.lost_reply = maybe(0.06);
  faults.late_write = maybe(0.15);
  faults.stale_read = maybe(0.2);
  faults.lost_event = maybe(0.1);
  faults.late_event = maybe(0.2);
  faults.broken_watch = maybe(0.1);
  faults.lost_previous = maybe(0.3);
  faults.false_keep_alive = maybe(0.1);
  faults.expired_token = maybe(0.05);
  faults.stall = maybe(0.02);
  faults.crash = maybe(0.4);
  faults.exit = maybe(0.2);
  faults.partition = maybe(0.08);
  faults.outage = maybe(0.04);
  faults.election = maybe(0.05);
  faults.early_revocation = maybe(0.15);
  faults.breaks = maybe(0.15);
  faults.deletion = maybe(0.1);
  faults.denied = random.Chance(0.05) ? 0.01 : 0.0;
  faults.full = maybe(0.05);
  if (random.Chance(0.2)) faults.foreign = 0.3;
  if (random.Chance(0.25)) faults.resize = 0.2;
  if (slots == 1 && faults.resize <= 0 && random.Chance(0.25)) faults.wipe = 0.2;
  if (within_bounds && random.Chance(0.15)) faults.suspend = 0.1;
  if (!within_bounds) faults.pause = random.Chance(0.7) ? 0.1 : 0.0;
  if (random.Chance(0.15)) {
    faults.sticky = 0.4;
    faults.crash = std::max(faults.crash, 0.3);
  }
  return faults;
}

}  // namespace

Schedule MakeSchedule(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Schedule schedule{.seed = seed};
  schedule.calm = random.Chance(0.03);
  schedule.within_bounds = schedule.calm || random.Chance(0.85);
  schedule.wild_rates = !schedule.within_bounds && random.Chance(0.5);
  schedule.recovery_delay = schedule.calm || !random.Chance(0.02);
  schedule.slots = random.OneOf({1, 1, 1, 2, 3});
  schedule.slots_said = random.Chance(0.3);
  schedule.nested_puts_cost = random.Chance(0.5);
  schedule.candidates = DrawParticipants(random, {.wild_rates = schedule.wild_rates,
                                                  .ttls = {2, 2, 3, 4, 6, 10, 20, 20},
                                                  .least = schedule.calm ? 1U : 2U,
                                                  .most = schedule.calm ? 1U : 5U});
  for (std::int64_t& rate : schedule.server_rate_errors) {
    rate = DrawRateError(random, schedule.wild_rates);
  }
  schedule.latency =
      random.OneOf<nanoseconds>({std::chrono::microseconds(100), milliseconds(2), milliseconds(2),
                                 milliseconds(30), milliseconds(200)});
  // Calls that never are answered in time, by clocks that run a fifth too fast, prove nothing.
  const int share = schedule.wild_rates ? 40 : 50;
  for (const CandidateSpec& candidate : schedule.candidates) {
    schedule.latency =
        std::min(schedule.latency, nanoseconds(candidate.times.attempt) * share / 100);
  }
  schedule.fault_time = DrawFaultTime(random, schedule.candidates);
  if (!schedule.calm) {
    schedule.faults = RandomFaults(random, schedule.within_bounds, schedule.slots);
  }
  return schedule;
}

std::string Describe(const Schedule& schedule) {
  const Faults& faults = schedule.faults;
  std::string text = fmt::format(
      "seed {}: {} slots{}, {} candidates, {}{}{}, latency {} us, faults for {} ms", schedule.seed,
      schedule.slots, schedule.slots_said ? " said" : "", schedule.candidates.size(),
      schedule.within_bounds ? "within bounds" : "outside of the bounds",
      schedule.recovery_delay ? "" : ", without recovery delay", schedule.calm ? ", calm" : "",
      schedule.latency / std::chrono::microseconds(1), schedule.fault_time / milliseconds(1));
  for (const auto& [name, probability] : {std::pair("full", faults.full),
                                          {"wipe", faults.wipe},
                                          {"resize", faults.resize},
                                          {"foreign", faults.foreign},
                                          {"suspends", faults.suspend},
                                          {"pauses", faults.pause},
                                          {"sticky", faults.sticky}}) {
    if (probability > 0) text += fmt::format(", {}", name);
  }
  for (const CandidateSpec& one : schedule.candidates) {
    text += fmt::format("\n  ttl {} ms, kill {} ms, clock {:+} ppm", one.times.ttl.count(),
                        one.times.kill.count(), one.clock_rate_error);
  }
  return text;
}

}  // namespace monopod::sim::queue
