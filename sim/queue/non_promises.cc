#include "sim/queue/non_promises.h"

#include <array>

namespace monopod::sim::queue {
namespace {

// Nothing but the one cause is there to blame.
bool IsPlain(const Schedule& schedule) {
  return schedule.recovery_delay && schedule.faults.wipe <= 0 && schedule.faults.suspend <= 0 &&
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

bool HasWipes(const Schedule& schedule) {
  Schedule other = schedule;
  other.faults.wipe = 0;
  return IsPlain(other) && schedule.faults.wipe > 0;
}

bool HasNoRecoveryDelay(const Schedule& schedule) {
  Schedule other = schedule;
  other.recovery_delay = true;
  return IsPlain(other) && !schedule.recovery_delay;
}

constexpr auto kNonPromises = std::to_array<NonPromise>({
    {"etcd-paused-machine", "I10 while a machine stands still with its clock", Beyond::kOverlap,
     "I10:", HasPauses},
    {"etcd-clock-rates", "I10 while rates of clocks differ by more than 1 %", Beyond::kOverlap,
     "I10:", HasWildRates},
    {"etcd-suspended-machine", "that work which was asleep does nothing before it is killed",
     Beyond::kOverlap, "I10:", HasSuspends},
    {"wiped-keys", "I10 for who comes after everything was deleted by hand", Beyond::kOverlap,
     "I10:", HasWipes},
    {"etcd-no-recovery-delay", "I10 with --unsafe-no-recovery-delay", Beyond::kOverlap,
     "I10:", HasNoRecoveryDelay},
});

}  // namespace

std::span<const NonPromise> AllNonPromises() { return kNonPromises; }

}  // namespace monopod::sim::queue
