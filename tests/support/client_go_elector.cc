#include "tests/support/client_go_elector.h"

#include <fmt/format.h>

namespace monopod::testing {
namespace {

using std::chrono::seconds;

std::string Raw(const LeaseFields& lease) {
  const auto whole = [](WallTime time) {
    return std::chrono::floor<seconds>(time).time_since_epoch().count();
  };
  return fmt::format("{} {} {} {} {}", lease.holder, lease.duration_seconds, whole(lease.acquired),
                     whole(lease.renewed), lease.transitions);
}

}  // namespace

ClientGoElector::Call ClientGoElector::Try(WallTime now) {
  began_ = now;
  if (IsLeader() && IsValid(now)) {
    return Update(Step::kFastUpdate,
                  {.holder = options_.identity,
                   .duration_seconds = static_cast<int>(options_.lease_duration.count()),
                   .acquired = observed_.acquired,
                   .renewed = now,
                   .transitions = observed_.transitions});
  }
  step_ = Step::kGet;
  return {.kind = Call::Kind::kGet, .lease = {}};
}

ClientGoElector::Call ClientGoElector::Release() {
  step_ = Step::kReleaseGet;
  return {.kind = Call::Kind::kGet, .lease = {}};
}

ClientGoElector::Call ClientGoElector::OnGot(const LeaseFields& lease, WallTime now) {
  if (step_ == Step::kReleaseGet) {
    // The old view decides, the fresh version is what it writes to.
    if (!IsLeader()) return {.kind = Call::Kind::kNone, .lease = {}, .succeeded = true};
    return Update(Step::kReleaseUpdate, {.holder = {},
                                         .duration_seconds = 1,
                                         .acquired = now,
                                         .renewed = now,
                                         .transitions = observed_.transitions});
  }
  if (observed_raw_ != Raw(lease)) {
    Observe(lease, now);
    observed_raw_ = Raw(lease);
  }
  if (!lease.holder.empty() && IsValid(began_) && !IsLeader()) return {};
  LeaseFields next{.holder = options_.identity,
                   .duration_seconds = static_cast<int>(options_.lease_duration.count()),
                   .acquired = began_,
                   .renewed = began_,
                   .transitions = lease.transitions};
  if (IsLeader()) {
    next.acquired = lease.acquired;
  } else {
    ++next.transitions;
  }
  return Update(Step::kUpdate, next);
}

ClientGoElector::Call ClientGoElector::OnUpdated(WallTime now) {
  Observe(written_, now);
  return {.kind = Call::Kind::kNone, .lease = {}, .succeeded = true};
}

ClientGoElector::Call ClientGoElector::OnFailed() {
  if (step_ != Step::kFastUpdate) return {};
  step_ = Step::kGet;
  return {.kind = Call::Kind::kGet, .lease = {}};
}

bool ClientGoElector::IsValid(WallTime now) const {
  return observed_at_ + seconds(observed_.duration_seconds) > now;
}

void ClientGoElector::Observe(const LeaseFields& lease, WallTime now) {
  observed_ = lease;
  observed_at_ = now;
}

ClientGoElector::Call ClientGoElector::Update(Step step, LeaseFields lease) {
  step_ = step;
  written_ = std::move(lease);
  return {.kind = Call::Kind::kUpdate, .lease = written_};
}

}  // namespace monopod::testing
