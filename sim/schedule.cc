#include "sim/schedule.h"

#include <algorithm>

namespace monopod::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Any two rates within this differ by less than 1 %.
constexpr std::int64_t kRateBound = 4'900;
constexpr std::int64_t kWildRate = 200'000;

std::int64_t RateError(Random& random, std::int64_t bound) {
  // The extremes are where bounds break.
  if (random.Chance(0.5)) return random.OneOf({-bound, bound});
  return static_cast<std::int64_t>(random.Below(2 * static_cast<std::uint64_t>(bound) + 1)) - bound;
}

protocol::Times RandomTimes(Random& random, seconds ttl) {
  protocol::TimesRequest request{.ttl = ttl};
  if (random.Chance(0.5)) {
    // The latest kill that is allowed.
    request.kill = nanoseconds(ttl) * 95 / 100 - protocol::kDeathAllowance;
  }
  const protocol::TimesRequest usual = request;
  if (random.Chance(0.2)) request.renew = nanoseconds(ttl) / random.OneOf({20, 10, 3});
  if (random.Chance(0.2)) request.attempt = nanoseconds(ttl) / 20;
  if (random.Chance(0.2)) request.term = nanoseconds(ttl) * random.OneOf({50, 75}) / 100;
  // Not all of these go together.
  return protocol::MakeTimes(request)
      .or_else([&](const Error&) { return protocol::MakeTimes(usual); })
      .value_or(protocol::Times{});
}

std::vector<CandidateSpec> RandomCandidates(Random& random, const Schedule& schedule) {
  const auto random_ttl = [&] { return seconds(random.OneOf({2, 2, 3, 4, 6, 10, 15})); };
  const bool same_ttl = random.Chance(0.5);
  const seconds ttl = random_ttl();
  const std::int64_t bound = schedule.within_bounds || random.Chance(0.5) ? kRateBound : kWildRate;
  const bool wild_wall_clocks = random.Chance(0.3);
  std::vector<CandidateSpec> candidates(2 + random.Below(5));
  for (CandidateSpec& candidate : candidates) {
    candidate.times = RandomTimes(random, same_ttl ? ttl : random_ttl());
    candidate.clock_offset = random.In({.to = hours(1000)});
    candidate.clock_rate_error = RateError(random, bound);
    if (wild_wall_clocks) {
      candidate.wall_offset = std::chrono::floor<std::chrono::microseconds>(
          random.In({.from = -seconds(100), .to = seconds(100)}));
    }
    if (random.Chance(0.1)) candidate.lock_delay = milliseconds(random.Below(2000));
  }
  return candidates;
}

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

protocol::Times Schedule::LongestTimes() const {
  return std::ranges::max(candidates, {}, [](const auto& one) { return one.times.ttl; }).times;
}

nanoseconds Schedule::LongestKill() const {
  return std::ranges::max(candidates, {}, [](const auto& one) { return one.times.kill; })
      .times.kill;
}

Schedule MakeSchedule(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Schedule schedule{.seed = seed};
  schedule.within_bounds = random.Chance(0.85);
  schedule.slots = random.OneOf({1, 1, 1, 2, 3});
  schedule.shared_clock = random.Chance(0.25);
  schedule.tokens_from_versions = random.Chance(0.5);
  schedule.made_by_hand = random.Chance(0.1);
  schedule.candidates = RandomCandidates(random, schedule);
  schedule.latency =
      random.OneOf<nanoseconds>({std::chrono::microseconds(100), milliseconds(2), milliseconds(2),
                                 milliseconds(30), milliseconds(200)});
  // Calls that never are answered in time prove nothing.
  for (const CandidateSpec& candidate : schedule.candidates) {
    schedule.latency = std::min(schedule.latency, nanoseconds(candidate.times.attempt) / 2);
  }
  schedule.fault_time = schedule.LongestTimes().ttl * (3 + random.Below(7));
  schedule.faults = RandomFaults(random, schedule.within_bounds, schedule.slots);
  return schedule;
}

}  // namespace monopod::sim
