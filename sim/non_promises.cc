#include "sim/non_promises.h"

#include <array>

namespace monopod::sim {
namespace {

// Nothing but the one cause is there to blame.
bool IsPlain(const Schedule& schedule) {
  return schedule.recovery_delay && schedule.faults.deletion <= 0 && schedule.faults.suspend <= 0 &&
         schedule.faults.pause <= 0 && !schedule.wild_rates;
}

bool HasPauses(const Schedule& schedule) {
  Schedule other = schedule;
  other.faults.pause = 0;
  return IsPlain(other) && schedule.faults.pause > 0;
}

bool HasWildRates(const Schedule& schedule) {
  Schedule other = schedule;
  other.wild_rates = false;
  return IsPlain(other) && schedule.wild_rates;
}

bool HasSuspends(const Schedule& schedule) {
  Schedule other = schedule;
  other.faults.suspend = 0;
  return IsPlain(other) && schedule.faults.suspend > 0;
}

bool HasDeletions(const Schedule& schedule) {
  Schedule other = schedule;
  other.faults.deletion = 0;
  return IsPlain(other) && schedule.faults.deletion > 0;
}

bool HasNoRecoveryDelay(const Schedule& schedule) {
  Schedule other = schedule;
  other.recovery_delay = true;
  return IsPlain(other) && !schedule.recovery_delay;
}

bool HasElectors(const Schedule& schedule) {
  return IsPlain(schedule) && schedule.store == StoreKind::kLease && schedule.faults.foreign > 0;
}

bool HasNoCrashes(const Schedule& schedule) {
  return IsPlain(schedule) && schedule.faults.crash <= 0;
}

constexpr auto kNonPromises = std::to_array<NonPromise>({
    {"paused-machine", "I10 while a machine stands still with its clock", Beyond::kOverlap,
     "I10:", HasPauses},
    {"clock-rates", "I10 while rates of clocks differ by more than 1 %", Beyond::kOverlap,
     "I10:", HasWildRates},
    {"suspended-machine", "that work which was asleep does nothing before it is killed",
     Beyond::kOverlap, "I10:", HasSuspends},
    {"deleted-record", "I10 for who never saw a hold whose record was deleted", Beyond::kOverlap,
     "I10:", HasDeletions},
    {"no-recovery-delay", "I10 with --unsafe-no-recovery-delay", Beyond::kOverlap,
     "I10:", HasNoRecoveryDelay},
    {"foreign-work", "that the work of electors and ours do not overlap", Beyond::kForeignWork,
     "foreign work:", HasElectors},
    {"order", "order among those who wait for a record", Beyond::kOrder, "order:", HasNoCrashes},
});

}  // namespace

std::span<const NonPromise> AllNonPromises() { return kNonPromises; }

}  // namespace monopod::sim
