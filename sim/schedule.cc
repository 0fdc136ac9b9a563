#include "sim/schedule.h"

#include <algorithm>

namespace monopod::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Each class of fault is there or not: what is everywhere hides what only happens without it.
double Maybe(Random& random, double probability) {
  return random.Chance(0.4) ? probability * random.OneOf({0.2, 1.0, 2.0}) : 0.0;
}

void DrawStoreFaults(Random& random, const Schedule& schedule, Faults& faults) {
  const auto maybe = [&](double probability) { return Maybe(random, probability); };
  switch (schedule.store) {
    case StoreKind::kRegister: break;
    case StoreKind::kSqlite:
      faults.busy = maybe(0.1);
      faults.power_loss = maybe(0.03);
      break;
    case StoreKind::kConfigMap:
    case StoreKind::kLease:
      faults.busy = maybe(0.1);
      faults.duplicate = maybe(0.06);
      faults.late_news = maybe(0.2);
      faults.broken_watch = maybe(0.1);
      if (random.Chance(0.3)) faults.annotation = 0.3;
      if (schedule.slots == 1 && random.Chance(0.4)) {
        faults.foreign = 1 + static_cast<int>(random.Below(2));
      }
      break;
  }
}

Faults RandomFaults(Random& random, const Schedule& schedule) {
  const auto maybe = [&](double probability) { return Maybe(random, probability); };
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
  if (schedule.slots == 1 && random.Chance(0.25)) faults.deletion = 0.3;
  if (schedule.slots > 1 && random.Chance(0.4)) faults.resize = 0.2;
  if (schedule.within_bounds && random.Chance(0.15)) faults.suspend = 0.1;
  if (!schedule.within_bounds) faults.pause = random.Chance(0.7) ? 0.1 : 0.0;
  DrawStoreFaults(random, schedule, faults);
  return faults;
}

ParticipantOptions OptionsOf(const Schedule& schedule) {
  ParticipantOptions options{.wild_rates = schedule.wild_rates, .ttls = {2, 2, 3, 4, 6, 10, 15}};
  if (schedule.store == StoreKind::kLease) {
    options.ttls = {7, 7, 8, 10, 15};
    options.limits = protocol::kLeaseLimits;
  }
  return options;
}

}  // namespace

std::string_view StoreKindName(StoreKind kind) {
  switch (kind) {
    case StoreKind::kRegister: return "register";
    case StoreKind::kSqlite: return "sqlite";
    case StoreKind::kConfigMap: return "configmap";
    case StoreKind::kLease: return "lease";
  }
  return "";
}

Schedule MakeSchedule(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Schedule schedule{.seed = seed};
  schedule.within_bounds = random.Chance(0.85);
  schedule.wild_rates = !schedule.within_bounds && random.Chance(0.5);
  schedule.slots = random.OneOf({1, 1, 1, 2, 3});
  schedule.store = random.OneOf({StoreKind::kRegister, StoreKind::kRegister, StoreKind::kSqlite,
                                 StoreKind::kConfigMap, StoreKind::kLease});
  schedule.tokens_from_versions =
      IsKube(schedule.store) || (schedule.store == StoreKind::kRegister && random.Chance(0.5));
  schedule.made_by_hand = random.Chance(0.1);
  schedule.recovery_delay = !random.Chance(0.02);
  schedule.candidates = DrawParticipants(random, OptionsOf(schedule));
  schedule.latency =
      random.OneOf<nanoseconds>({std::chrono::microseconds(100), milliseconds(2), milliseconds(2),
                                 milliseconds(30), milliseconds(200)});
  // Calls that never are answered in time prove nothing.
  for (const CandidateSpec& candidate : schedule.candidates) {
    schedule.latency = std::min(schedule.latency, nanoseconds(candidate.times.attempt) / 2);
  }
  schedule.fault_time = DrawFaultTime(random, schedule.candidates);
  schedule.faults = RandomFaults(random, schedule);
  return schedule;
}

}  // namespace monopod::sim
