#include "sim/participants.h"

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
  if (random.Chance(0.5)) return random.OneOf({-bound, bound});
  return static_cast<std::int64_t>(random.Below(2 * static_cast<std::uint64_t>(bound) + 1)) - bound;
}

protocol::Times RandomTimes(Random& random, seconds ttl, const protocol::TimesLimits& limits) {
  protocol::TimesRequest request{.ttl = ttl};
  if (random.Chance(0.5)) {
    // The latest kill that is allowed.
    request.kill = nanoseconds(ttl) * 95 / 100 - limits.kill_margin;
  }
  const protocol::TimesRequest usual = request;
  if (random.Chance(0.2)) request.renew = nanoseconds(ttl) / random.OneOf({20, 10, 3});
  if (random.Chance(0.2)) request.attempt = nanoseconds(ttl) / 20;
  if (random.Chance(0.2)) request.term = nanoseconds(ttl) * random.OneOf({50, 75}) / 100;
  // Not all of these go together.
  return protocol::MakeTimes(request, limits)
      .or_else([&](const Error&) { return protocol::MakeTimes(usual, limits); })
      .value_or(protocol::Times{});
}

}  // namespace

std::int64_t DrawRateError(Random& random, bool wild) {
  return RateError(random, wild ? kWildRate : kRateBound);
}

std::vector<CandidateSpec> DrawParticipants(Random& random, const ParticipantOptions& options) {
  const auto random_ttl = [&] { return seconds(options.ttls[random.Below(options.ttls.size())]); };
  const bool same_ttl = random.Chance(0.5);
  const seconds ttl = random_ttl();
  const bool wild_wall_clocks = random.Chance(0.3);
  std::vector<CandidateSpec> candidates(options.least);
  while (candidates.size() < options.most && random.Chance(0.5)) candidates.emplace_back();
  for (CandidateSpec& candidate : candidates) {
    candidate.times = RandomTimes(random, same_ttl ? ttl : random_ttl(), options.limits);
    candidate.clock_offset = random.In({.to = hours(1000)});
    candidate.clock_rate_error = DrawRateError(random, options.wild_rates);
    if (wild_wall_clocks) {
      candidate.wall_offset = std::chrono::floor<std::chrono::microseconds>(
          random.In({.from = -seconds(100), .to = seconds(100)}));
    }
    if (random.Chance(0.1)) candidate.lock_delay = milliseconds(random.Below(2000));
  }
  return candidates;
}

nanoseconds DrawFaultTime(Random& random, const std::vector<CandidateSpec>& candidates) {
  const std::uint64_t ttls = random.Chance(0.1) ? 3 + random.Below(7) : 1 + random.Below(3);
  return LongestTimes(candidates).ttl * ttls;
}

protocol::Times LongestTimes(const std::vector<CandidateSpec>& candidates) {
  return std::ranges::max(candidates, {}, [](const auto& one) { return one.times.ttl; }).times;
}

milliseconds LongestKill(const std::vector<CandidateSpec>& candidates) {
  return std::ranges::max(candidates, {}, [](const auto& one) { return one.times.kill; })
      .times.kill;
}

}  // namespace monopod::sim
