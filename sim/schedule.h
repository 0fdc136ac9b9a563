// What a seed stands for: who takes part, with which clocks and times, and which faults happen.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/beyond.h"
#include "sim/participants.h"

namespace monopod::sim {

enum class StoreKind : std::uint8_t {
  kRegister,   // a register for each record, and nothing else: what every store must be
  kSqlite,     // one machine, whose processes share a clock
  kConfigMap,  // an API server, with the production layout of the objects
  kLease,
};
std::string_view StoreKindName(StoreKind kind);

inline bool IsKube(StoreKind kind) {
  return kind == StoreKind::kConfigMap || kind == StoreKind::kLease;
}

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
  double busy = 0;  // the store did nothing, and says so: SQLITE_BUSY, or 429 with Retry-After
  double denied = 0;
  double breaks = 0;
  double deletion = 0;
  double resize = 0;
  double suspend = 0;       // of a machine whose clock goes on
  double power_loss = 0;    // of the one machine
  double duplicate = 0;     // a proxy sends a write twice, and passes on what the second met
  double late_news = 0;     // a stale watch cache: an event that is told seconds later
  double broken_watch = 0;  // its history is gone (410): what was not told yet never is
  double annotation = 0;    // a controller writes beside the hold, also when faults have stopped
  int foreign = 0;          // that many electors of client-go, or scripts
  double pause = 0;         // of a machine with its clock: outside the bounds
};

struct Schedule {
  std::uint64_t seed = 0;
  std::vector<CandidateSpec> candidates;
  int slots = 1;
  StoreKind store = StoreKind::kRegister;
  bool tokens_from_versions = false;  // as on Kubernetes; else from a counter, as in SQLite
  bool made_by_hand = false;          // the record exists at first, and says nothing of slots
  bool within_bounds = true;          // clock rates within 1 %, and no pause: I10 is promised
  bool wild_rates = false;
  bool recovery_delay = true;  // false: --unsafe-no-recovery-delay, which gives up I10
  Beyond judged = Beyond::kNothing;
  std::chrono::nanoseconds latency{0};
  std::chrono::nanoseconds fault_time{0};
  Faults faults;

  bool shares_clock() const { return store == StoreKind::kSqlite; }
  bool promises_exclusion() const { return within_bounds && recovery_delay; }
};

Schedule MakeSchedule(std::uint64_t seed);

}  // namespace monopod::sim
