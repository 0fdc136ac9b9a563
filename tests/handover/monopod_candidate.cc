#include "tests/handover/monopod_candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace monopod::handover {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// The guardian's allowance after `kill`.
constexpr milliseconds kDeath(250);
// Longer than anything here lasts, and short enough to count with.
constexpr std::chrono::hours kForEver(1);

}  // namespace

MonopodCandidate::MonopodCandidate(LeaseWorld& world, Options options)
    : world_(world),
      options_(std::move(options)),
      clock_(BootTime(seconds(1000)), options_.clock_error) {
  world_.Watch([this] {
    if (wait_is_for_change_) Wake(true);
  });
  Claim();
}

protocol::Moment MonopodCandidate::Now() const {
  return {.boot = clock_.At(world_.now()), .wall = world_.Wall()};
}

TrueTime MonopodCandidate::When(BootTime local) const {
  return clock_.When(std::min(local, clock_.At(world_.now()) + kForEver));
}

std::string MonopodCandidate::Nonce() { return fmt::format("{:016x}", world_.random().Next()); }

void MonopodCandidate::Claim() {
  const auto times = protocol::MakeTimes({}, protocol::kLeaseLimits);
  machine_ = std::make_unique<protocol::RecordMachine>(
      protocol::Claim{.lock = "x",
                      .holder = {.name = options_.name, .instance = Nonce()},
                      .times = *times,
                      .slots = 1},
      [this] { return Nonce(); });
  Drive();
}

void MonopodCandidate::Drive() {
  if (driving_) return;  // told by what it does itself
  driving_ = true;
  bool tell = true;
  while (tell) {
    const auto action = machine_->Next(Now());
    tell = std::holds_alternative<protocol::TellAction>(action);
    std::visit([this](const auto& chosen) { Do(chosen); }, action);
  }
  driving_ = false;
}

bool MonopodCandidate::IsCutOff() {
  if (world_.now() < cut_off_until_) return true;
  if (!world_.random().Chance(options_.outages)) return false;
  cut_off_until_ = world_.now() + world_.random().In({.from = seconds(5), .to = seconds(40)});
  return true;
}

void MonopodCandidate::Do(const protocol::ReadAction& action) {
  if (IsCutOff()) {
    world_.events().At(When(action.deadline), [this] {
      machine_->OnRead(Fail(ErrorCode::kUnavailable, "cut off"), Now());
      Drive();
    });
    return;
  }
  world_.Later(world_.NetworkDelay(), [this] {
    auto reply = world_.ReadRecord();
    world_.Later(world_.NetworkDelay(), [this, reply = std::move(reply)] {
      machine_->OnRead(reply, Now());
      Drive();
    });
  });
}

void MonopodCandidate::Do(const protocol::WriteAction& action) {
  const protocol::Moment sent = Now();
  if (IsCutOff()) {
    world_.events().At(When(action.deadline), [this, sent] {
      machine_->OnWrite(Fail(ErrorCode::kIndeterminate, "cut off"), sent, Now());
      Drive();
    });
    return;
  }
  world_.Later(world_.NetworkDelay(), [this, action, sent] {
    Result<protocol::Written> reply = world_.WriteRecord(action.expected, action.record);
    nanoseconds delay = world_.NetworkDelay();
    if (world_.random().Chance(options_.lost_replies)) {
      reply = Fail(ErrorCode::kIndeterminate, "no answer");
      delay = When(action.deadline) - world_.now();
    }
    world_.Later(delay, [this, reply = std::move(reply), sent] {
      machine_->OnWrite(reply, sent, Now());
      Drive();
    });
  });
}

void MonopodCandidate::Do(const protocol::AwaitAction& action) { WakeAt(When(action.until), true); }
void MonopodCandidate::Do(const protocol::IdleAction& action) { WakeAt(When(action.until), false); }

void MonopodCandidate::WakeAt(TrueTime when, bool awaited) {
  waiting_ = ++last_wait_;
  wait_is_for_change_ = awaited;
  world_.events().At(when, [this, wait = waiting_, awaited] {
    if (waiting_ == wait) Wake(awaited);
  });
}

void MonopodCandidate::Wake(bool awaited) {
  waiting_ = 0;
  wait_is_for_change_ = false;
  if (awaited) machine_->OnAwaited();
  Drive();
}

void MonopodCandidate::Do(const protocol::TellAction& action) {
  switch (action.event.kind) {
    case EventKind::kAcquired:
    case EventKind::kTakenOver: BeginWork(); break;
    case EventKind::kLost: {
      if (!work_) break;
      // It takes as long as it may, and then it is dead.
      work_must_stop_ = true;
      const TrueTime dead = When(machine_->tenure()->KillAt()) + kDeath;
      world_.events().At(dead, [this, work = *work_] {
        if (work_ == work) EndWork();
      });
      break;
    }
    default: break;
  }
}

void MonopodCandidate::BeginWork() {
  tokens_.push_back(machine_->token());
  work_must_stop_ = false;
  work_ = world_.BeginWork(Kind::kMonopod, options_.name);
  world_.Later(world_.random().In({.from = seconds(1), .to = seconds(40)}), [this, work = *work_] {
    if (work_ == work && !work_must_stop_) EndWork();
  });
}

void MonopodCandidate::EndWork() {
  world_.EndWork(*work_);
  work_.reset();
  machine_->Stop(Now().boot + seconds(10));
  // A call that is under way comes back by itself.
  if (waiting_ != 0) Wake(wait_is_for_change_);
}

void MonopodCandidate::Do(const protocol::DoneAction& action) {
  static_cast<void>(action);
  // A hold that ended by itself, while its work is still being stopped.
  const auto rest = world_.random().In({.from = seconds(1), .to = options_.most_rest});
  world_.Later(rest, [this] { work_ ? Do(protocol::DoneAction{}) : Claim(); });
}

}  // namespace monopod::handover
