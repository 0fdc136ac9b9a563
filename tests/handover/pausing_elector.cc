#include "tests/handover/pausing_elector.h"

#include <utility>

namespace monopod::handover {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// client-go's defaults.
constexpr seconds kRetryPeriod(2);
constexpr seconds kRenewDeadline(10);
constexpr milliseconds kMostAcquireJitter(2400);  // 1.2 of the period

}  // namespace

PausingElector::PausingElector(LeaseWorld& world, Options options)
    : world_(world), options_(std::move(options)), elector_({.identity = options_.name}) {
  GoOn(world_.random().In({.to = kRetryPeriod}), [this] { Try(); });
}

void PausingElector::GoOn(nanoseconds delay, sim::EventQueue::Run run) {
  if (world_.random().Chance(options_.pauses)) {
    const auto pause = world_.random().In({.from = milliseconds(100), .to = seconds(40)});
    pauses_.push_back({.begin = world_.now() + delay, .end = world_.now() + delay + pause});
    delay += pause;
  }
  world_.Later(delay, std::move(run));
}

void PausingElector::Try() { Make(elector_.Try(world_.Wall())); }

void PausingElector::Make(const Call& call) {
  switch (call.kind) {
    case Call::Kind::kNone: return OnAttemptOver(call.succeeded);
    case Call::Kind::kGet:
      return GoOn(world_.NetworkDelay(), [this] {
        const auto got = world_.GetFields();
        GoOn(world_.NetworkDelay(), [this, got] {
          version_ = got.second;
          Make(elector_.OnGot(got.first, world_.Wall()));
        });
      });
    case Call::Kind::kUpdate:
      return GoOn(world_.NetworkDelay(), [this, lease = call.lease] {
        const std::string before = world_.GetFields().first.holder;
        const auto updated = world_.UpdateFields(version_, lease);
        const bool is_monopods = before.starts_with("monopod");
        if (updated && lease.holder.empty() && is_monopods) world_.NoteBlanked();
        GoOn(world_.NetworkDelay(), [this, updated] {
          if (updated) version_ = *updated;
          Make(updated ? elector_.OnUpdated(world_.Wall()) : elector_.OnFailed());
        });
      });
  }
}

void PausingElector::OnAttemptOver(bool succeeded) {
  const WallTime now = world_.Wall();
  if (state_ == State::kReleasing) {
    releases_.back().end = world_.now();
    if (work_) world_.EndWork(*work_);
    work_.reset();
    state_ = State::kAcquiring;
    return GoOn(world_.random().In({.from = seconds(1), .to = options_.most_rest}),
                [this] { Try(); });
  }
  if (state_ == State::kAcquiring) {
    if (!succeeded) {
      return GoOn(kRetryPeriod + world_.random().In({.to = kMostAcquireJitter}), [this] { Try(); });
    }
    state_ = State::kRenewing;
    work_ = world_.BeginWork(Kind::kClientGo, options_.name);
    const auto work = world_.random().In({.from = seconds(1), .to = seconds(12)});
    work_until_ = now + std::chrono::floor<std::chrono::microseconds>(work);
  }
  if (succeeded) last_success_ = now;
  if (now >= work_until_ || now - last_success_ >= kRenewDeadline) return Release();
  GoOn(kRetryPeriod, [this] { Try(); });
}

void PausingElector::Release() {
  state_ = State::kReleasing;
  releases_.push_back({.begin = world_.now()});
  Make(elector_.Release());
}

}  // namespace monopod::handover
