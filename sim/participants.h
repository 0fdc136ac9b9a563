// Who takes part in a schedule: the clocks and times of each process.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "sim/random.h"
#include "src/protocol/times.h"

namespace monopod::sim {

struct CandidateSpec {
  protocol::Times times;
  std::chrono::nanoseconds clock_offset{0};
  std::int64_t clock_rate_error = 0;  // millionths
  std::chrono::microseconds wall_offset{0};
  std::chrono::milliseconds lock_delay{0};
};

struct ParticipantOptions {
  bool wild_rates = false;  // else any two clock rates differ by less than 1 %
  std::vector<int> ttls;    // in seconds; one that is there twice is drawn more often
  std::size_t least = 2;
  std::size_t most = 5;
  protocol::TimesLimits limits = {};
};
std::vector<CandidateSpec> DrawParticipants(Random& random, const ParticipantOptions& options);

// Millionths, often one of the two extremes, which are where bounds break.
std::int64_t DrawRateError(Random& random, bool wild);

// How long faults go on: mostly short, since many short schedules find more than a few long ones.
std::chrono::nanoseconds DrawFaultTime(Random& random,
                                       const std::vector<CandidateSpec>& candidates);

protocol::Times LongestTimes(const std::vector<CandidateSpec>& candidates);
std::chrono::milliseconds LongestKill(const std::vector<CandidateSpec>& candidates);

}  // namespace monopod::sim
