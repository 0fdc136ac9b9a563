// What a seed stands for where locks are queues in etcd.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/beyond.h"
#include "sim/participants.h"

namespace monopod::sim::queue {

inline constexpr std::size_t kServers = 3;

// Probabilities are per call, event, claim, or look at the world (several a TTL); 0 where a fault
// is not part of a schedule.
struct Faults {
  double lost_request = 0;
  double lost_reply = 0;
  double late_write = 0;  // lands long after its deadline
  double stale_read = 0;  // an older revision is answered
  double lost_event = 0;  // a watch does not tell of one
  double late_event = 0;  // or much later
  double broken_watch = 0;
  double lost_previous = 0;     // an event without the previous value: compacted
  double false_keep_alive = 0;  // "kept", or "gone", by a deposed leader
  double expired_token = 0;     // of a node, until it has authenticated again
  double stall = 0;             // a process that does not run for a while; its guardian does
  double crash = 0;             // per claim
  double exit = 0;              // a process ends between two claims, and another is started
  double partition = 0;
  double outage = 0;
  double election = 0;
  double full = 0;  // NOSPACE
  double denied = 0;
  double early_revocation = 0;
  double breaks = 0;
  double deletion = 0;  // of one member by hand
  double wipe = 0;      // of everything
  double resize = 0;
  double foreign = 0;
  double sticky = 0;   // a claim whose hold outlives its process until it is broken
  double suspend = 0;  // of a machine whose clock goes on
  double pause = 0;    // of a machine with its clock: outside the bounds
};

struct Schedule {
  std::uint64_t seed = 0;
  std::vector<CandidateSpec> candidates;
  std::array<std::int64_t, kServers> server_rate_errors{};
  int slots = 1;
  bool slots_said = false;    // by an administrator, before the first claim
  bool within_bounds = true;  // clock rates within 1 %, and no pause: I10 is promised
  bool wild_rates = false;
  bool recovery_delay = true;  // false: --unsafe-no-recovery-delay, which gives up I10
  Beyond judged = Beyond::kNothing;
  bool calm = false;              // one process and no fault: what a cycle costs is counted
  bool nested_puts_cost = false;  // whether a full store counts puts in nested transactions
  std::chrono::nanoseconds latency{0};
  std::chrono::nanoseconds fault_time{0};
  Faults faults;

  bool promises_exclusion() const { return within_bounds && recovery_delay; }
};

Schedule MakeSchedule(std::uint64_t seed);

// In a few lines.
std::string Describe(const Schedule& schedule);

}  // namespace monopod::sim::queue
