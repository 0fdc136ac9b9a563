#include "src/protocol/times.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "src/base/duration.h"

namespace monopod::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

tl::unexpected<Error> Invalid(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

Result<void> CheckTtl(nanoseconds ttl, const TimesLimits& limits) {
  if (ttl < limits.min_ttl || ttl > kMaxTtl || ttl % std::chrono::seconds(1) != nanoseconds(0)) {
    return Invalid(fmt::format("the TTL {} is not allowed: whole seconds from {} to {}",
                               FormatDuration(ttl), FormatDuration(limits.min_ttl),
                               FormatDuration(kMaxTtl)));
  }
  return {};
}

Result<void> CheckOrder(const Times& times, const TimesLimits& limits) {
  const auto text = [](milliseconds time) { return FormatDuration(time); };
  const milliseconds latest_kill = times.ttl * 95 / 100 - limits.kill_margin;
  if (times.renew <= milliseconds(0) || times.attempt <= milliseconds(0)) {
    return Invalid("the renewal interval and the attempt time-out must be at least 1ms");
  }
  if (times.attempt > times.ttl / 5) {
    return Invalid(fmt::format(
        "inconsistent times: attempt <= 0.2 TTL is needed, so that an answer that takes as long is "
        "still a fresh proof, but {} > {}",
        text(times.attempt), text(times.ttl / 5)));
  }
  if (times.renew + 2 * times.attempt > times.term) {
    return Invalid(fmt::format(
        "inconsistent times: renew + 2 attempt <= term is needed, so that two tries fit before "
        "the work is stopped, but {} + 2 x {} > {}",
        text(times.renew), text(times.attempt), text(times.term)));
  }
  if (times.term >= times.kill) {
    return Invalid(fmt::format("inconsistent times: term < kill is needed, but {} >= {}",
                               text(times.term), text(times.kill)));
  }
  if (times.kill > latest_kill) {
    return Invalid(fmt::format(
        "inconsistent times: kill <= 0.95 TTL - {:g}s is needed, so that the work is dead before "
        "another holder can begin, but {} > {} (TTL {})",
        std::chrono::duration<double>(limits.kill_margin).count(), text(times.kill),
        text(latest_kill), text(times.ttl)));
  }
  return {};
}

}  // namespace

Result<Times> MakeTimes(const TimesRequest& request, const TimesLimits& limits) {
  if (auto checked = CheckTtl(request.ttl, limits); !checked)
    return Fail(std::move(checked.error()));
  // Anything far above the TTL fails the order check; the bound keeps its sums from overflowing.
  const auto chosen = [](const std::optional<nanoseconds>& asked, milliseconds usual) {
    return asked ? std::min(std::chrono::floor<milliseconds>(*asked), milliseconds(2 * kMaxTtl))
                 : usual;
  };
  const auto ttl = std::chrono::floor<milliseconds>(request.ttl);
  const Times times{
      .ttl = ttl,
      .renew = chosen(request.renew, ttl / 4),
      .attempt = chosen(request.attempt, std::min(ttl / 6, milliseconds(3000))),
      .term = chosen(request.term, ttl * 6 / 10),
      .kill = chosen(request.kill, ttl * 8 / 10),
  };
  if (auto checked = CheckOrder(times, limits); !checked) return Fail(std::move(checked.error()));
  return times;
}

nanoseconds SilenceToTakeOver(milliseconds ttl) { return nanoseconds(ttl) / 100 * 101; }

nanoseconds RecoveryTime(milliseconds kill) {
  return nanoseconds(kill + kDeathAllowance) / 100 * 101;
}

}  // namespace monopod::protocol
