#include "sim/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace monopod::sim {

using protocol::DoneAction;
using protocol::IdleAction;
using protocol::TellAction;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

constexpr nanoseconds kPause = milliseconds(200);  // between two claims

}  // namespace

Process::Process(const Worker::Surroundings& surroundings, const Identity& identity,
                 const Dangers& dangers)
    : surroundings_(surroundings), identity_(identity), dangers_(dangers), healed_length_(kPause) {}

protocol::Moment Process::Now() const {
  const TrueTime now = surroundings_.world.queue.now();
  return {.boot = identity_.clock->At(now), .wall = WallAt(now) + spec().wall_offset};
}

TrueTime Process::RunsAt() const {
  return std::max(stalled_until_, identity_.clock->stands_until());
}

bool Process::Postponed(const std::function<void()>& what) {
  if (runs()) return false;
  world().queue.At(RunsAt(), what);
  return true;
}

void Process::MaybeStall() {
  if (!world().Happens(dangers_.stall)) return;
  stalled_until_ = world().Within(2 * spec().times.ttl);
  Trace(1, [] { return std::string("is stopped for a while"); });
}

void Process::Start() {
  world().queue.At(world().Within(2 * spec().times.ttl), [this] { Claim(); });
}

void Process::Heal() {
  // A hold that lasts is ended soon, so that others can have the lock.
  if (worker_ != nullptr) worker_->AskToStop(kPause);
  if (!claims_now_) Claim();
}

void Process::Retire() {
  retired_ = true;
  if (worker_ != nullptr) worker_->AskToStop(kPause);
}

void Process::ClaimOnce(nanoseconds length) {
  healed_length_ = length;
  retired_ = false;
  Claim();
  retired_ = true;
}

void Process::DrawPatience(protocol::Claim& claim) {
  if (!world().faults_on) return;
  Random& random = world().random;
  claim.wait_for_live_holder = random.Chance(0.75);
  if (random.Chance(0.35)) claim.give_up_at = Now().boot + random.In({.to = 3 * spec().times.ttl});
}

void Process::Claim() {
  if (claims_now_ || retired_ || Postponed([this] { Claim(); })) return;
  claim_ = judge().NewClaim(*identity_.clock, spec().times);
  held_back_ = awaits_ = idles_ = stopped_ = stopped_meanwhile_ = give_up_ = false;
  worker_ = nullptr;
  claims_now_ = true;
  MakeMachine();
  Trace(2, [&] { return fmt::format("is a claim on node {}", identity_.node); });
  DrawItsEnd();
  Step();
}

// Some claims end by a crash, and some because the caller wants no more.
void Process::DrawItsEnd() {
  const ClaimId claim = claim_;
  if (world().Happens(dangers_.crash)) {
    world().queue.At(world().Within(3 * spec().times.ttl), [this, claim] { Crash(claim); });
  } else if (world().Happens(0.2)) {
    world().queue.At(world().Within(2 * spec().times.ttl), [this, claim] { GiveUp(claim); });
  }
}

void Process::Crash(ClaimId claim) {
  if (claim != claim_ || !claims_now_ || !world().faults_on) return;
  Trace(3, [] { return std::string("crashes"); });
  claims_now_ = false;
  DropMachine(true);
  ++ticket_;
  if (worker_ != nullptr) worker_->Orphan();
  worker_ = nullptr;
  stalled_until_ = {};
  world().queue.At(world().Within(2 * spec().times.ttl), [this] { Claim(); });
}

void Process::LosePower() {
  for (Worker& worker : workers_) worker.CutOff();
  Crash(claim_);
}

void Process::GiveUp(ClaimId claim) {
  if (claim != claim_ || !claims_now_ || stopped_) return;
  if (Postponed([this, claim] { GiveUp(claim); })) return;
  Trace(4, [] { return std::string("gives up"); });
  give_up_ = true;
  if (worker_ == nullptr)
    Stop();
  else
    worker_->AskToStop(spec().times.ttl);
}

void Process::Stop() {
  if (stopped_ || !claims_now_) return;
  stopped_ = true;
  StopMachine(Now().boot + kStoreTimeout);
  stopped_meanwhile_ = held_back_;
  if (awaits_) EndAwait();
  if (!awaits_ && !idles_) return;  // the answer of a call brings the next step
  awaits_ = idles_ = false;
  ++ticket_;
  Step();
}

bool Process::CheckForSpinning() {
  const BootTime now = Now().boot;
  steps_at_once_ = now == last_step_ ? steps_at_once_ + 1 : 0;
  last_step_ = now;
  if (steps_at_once_ < 100) return false;
  judge().Fail("spin: " + InstanceOf(claim_) + " acts 100 times at one moment");
  return true;
}

void Process::Step() {
  if (judge().violation() || CheckForSpinning()) return;
  Ask();
  NoteTenure();
  MaybeStall();
  if (runs()) {
    CarryOut();
    return;
  }
  held_back_ = true;
  WakeAt(RunsAt());
}

std::uint64_t Process::Await(BootTime until) {
  awaits_ = true;
  if (stopped_) until = Now().boot;
  WakeAt(identity_.clock->When(until));
  return ticket_;
}

void Process::Carry(const IdleAction& action) {
  idles_ = true;
  if (std::exchange(stopped_meanwhile_, false))
    WakeAt(world().queue.now());
  else if (action.until == BootTime::max())
    ++ticket_;
  else
    WakeAt(identity_.clock->When(action.until));
}

void Process::Carry(const TellAction& action) {
  const Event& event = action.event;
  Trace(100 + static_cast<std::uint64_t>(event.kind), [&] {
    return fmt::format("is told {}: token {}, owner {}, {}", EventKindName(event.kind), event.token,
                       event.owner.instance, event.detail);
  });
  if (event.kind == EventKind::kAcquired || event.kind == EventKind::kTakenOver) BeginWork(event);
  if (event.kind == EventKind::kLost) {
    if (worker_ != nullptr)
      worker_->AskToStop(spec().times.ttl);
    else if (!stopped_)
      Stop();
  }
  Step();
}

void Process::BeginWork(const Event& event) {
  if (!world().faults_on) world().progressed = true;
  const auto tenure = this->tenure();
  if (stopped_ || !tenure) return;
  const nanoseconds length =
      world().faults_on ? world().random.In({.to = 3 * spec().times.ttl}) : healed_length_;
  workers_.emplace_back(surroundings_,
                        Worker::Job{.claim = claim_,
                                    .slot = static_cast<std::size_t>(event.slot),
                                    .kill_at = tenure->KillAt(),
                                    .length = length},
                        [this] {
                          worker_ = nullptr;
                          GiveUp(claim_);
                        });
  worker_ = &workers_.back();
  if (give_up_) worker_->AskToStop(spec().times.ttl);
}

void Process::Carry(const DoneAction& action) {
  Trace(200 + static_cast<std::uint64_t>(action.outcome), [&] {
    return fmt::format("is done: outcome {}, {}", static_cast<int>(action.outcome),
                       action.error.message);
  });
  judge().OnClaimEnded(claim_, action.outcome);
  claims_now_ = false;
  DropMachine(false);
  ++ticket_;
  if (worker_ != nullptr) {
    judge().Fail("order: " + InstanceOf(claim_) + " is done while its work runs");
  }
  world().queue.At(world().queue.now() + world().random.In({.from = milliseconds(1), .to = kPause}),
                   [this] { Claim(); });
}

void Process::WakeAt(TrueTime time) {
  const std::uint64_t ticket = ++ticket_;
  world().queue.At(time, [this, ticket] { OnWake(ticket); });
}

void Process::OnWake(std::uint64_t ticket) {
  if (ticket != ticket_ || !claims_now_) return;
  if (Postponed([this, ticket] { OnWake(ticket); })) return;
  ++ticket_;
  if (std::exchange(held_back_, false)) {
    CarryOut();
    return;
  }
  if (awaits_) EndAwait();
  awaits_ = idles_ = false;
  Step();
}

void Process::NoteTenure() {
  const auto tenure = this->tenure();
  if (!tenure) return;
  judge().OnBelief(claim_, tenure->proof);
  if (worker_ != nullptr) worker_->MoveDeadline(tenure->KillAt());
}

}  // namespace monopod::sim
