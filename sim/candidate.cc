#include "sim/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace monopod::sim {
namespace {

using protocol::Action;
using protocol::AwaitAction;
using protocol::DoneAction;
using protocol::IdleAction;
using protocol::ReadAction;
using protocol::TellAction;
using protocol::WriteAction;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr WallTime kWallStart{std::chrono::hours(24 * 365 * 56)};
constexpr nanoseconds kStoreTimeout = std::chrono::seconds(10);
constexpr nanoseconds kPause = milliseconds(200);  // between two claims

}  // namespace

Candidate::Candidate(Environment& environment, Network& network, const Identity& identity)
    : environment_(environment), network_(network), identity_(identity) {}

template <class MakeText>
void Candidate::Trace(std::uint64_t digest, const MakeText& text) {
  environment_.trace.Add(environment_.queue.now(), InstanceOf(claim_), digest, text);
}

protocol::Moment Candidate::Now() const {
  const TrueTime now = environment_.queue.now();
  return {.boot = identity_.clock->At(now),
          .wall = kWallStart + spec().wall_offset +
                  std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch())};
}

TrueTime Candidate::RunsAt() const {
  return std::max(stalled_until_, identity_.clock->paused_until());
}

void Candidate::MaybeStall() {
  if (!environment_.Happens(environment_.schedule.faults.stall)) return;
  stalled_until_ = environment_.Within(2 * spec().times.ttl);
  Trace(1, [] { return std::string("is stopped for a while"); });
}

void Candidate::Start() {
  environment_.queue.At(environment_.Within(2 * spec().times.ttl), [this] { Claim(); });
}

void Candidate::Heal() {
  // A hold that lasts is ended soon, so that others can have the lock.
  if (worker_ != nullptr) worker_->AskToStop(kPause);
  if (!protocol_) Claim();
}

protocol::Claim Candidate::DrawClaim() {
  Random& random = environment_.random;
  // Who does not say a number takes what there is, and fixes it at one if there is none.
  const bool says_slots =
      environment_.faults_on && environment_.schedule.faults.resize <= 0 && random.Chance(0.95);
  protocol::Claim claim{.lock = kLock,
                        .holder = {.name = "pod", .instance = InstanceOf(claim_)},
                        .times = spec().times,
                        .lock_delay = spec().lock_delay,
                        .store_timeout = kStoreTimeout};
  if (says_slots) claim.slots = environment_.schedule.slots;
  if (!environment_.faults_on) return claim;
  claim.wait_for_live_holder = random.Chance(0.75);
  if (random.Chance(0.35)) claim.give_up_at = Now().boot + random.In({.to = 3 * spec().times.ttl});
  return claim;
}

void Candidate::Claim() {
  if (protocol_) return;
  if (!runs()) {
    environment_.queue.At(RunsAt(), [this] { Claim(); });
    return;
  }
  claim_ = environment_.checker.NewClaim(*identity_.clock, spec().times);
  held_back_.reset();
  call_.reset();
  awaits_ = idles_ = stopped_ = give_up_ = false;
  worker_ = nullptr;
  protocol_ = identity_.make_protocol(DrawClaim(),
                                      [this] { return fmt::format("{}-{}", claim_, ++nonces_); });
  Trace(2, [&] { return fmt::format("is a claim on node {}", identity_.node); });
  DrawItsEnd();
  Step();
}

// Some claims end by a crash, and some because the caller wants no more.
void Candidate::DrawItsEnd() {
  const ClaimId claim = claim_;
  if (environment_.Happens(environment_.schedule.faults.crash)) {
    environment_.queue.At(environment_.Within(3 * spec().times.ttl),
                          [this, claim] { Crash(claim); });
  } else if (environment_.Happens(0.2)) {
    environment_.queue.At(environment_.Within(2 * spec().times.ttl),
                          [this, claim] { GiveUp(claim); });
  }
}

void Candidate::Crash(ClaimId claim) {
  if (claim != claim_ || !protocol_ || !environment_.faults_on) return;
  Trace(3, [] { return std::string("crashes"); });
  protocol_.reset();
  ++ticket_;
  call_.reset();
  if (worker_ != nullptr) worker_->Orphan();
  worker_ = nullptr;
  stalled_until_ = {};
  environment_.queue.At(environment_.Within(2 * spec().times.ttl), [this] { Claim(); });
}

void Candidate::GiveUp(ClaimId claim) {
  if (claim != claim_ || !protocol_ || stopped_) return;
  if (!runs()) {
    environment_.queue.At(RunsAt(), [this, claim] { GiveUp(claim); });
    return;
  }
  Trace(4, [] { return std::string("gives up"); });
  give_up_ = true;
  if (worker_ == nullptr)
    StopMachine();
  else
    worker_->AskToStop(spec().times.ttl);
}

void Candidate::StopMachine() {
  if (stopped_ || !protocol_) return;
  stopped_ = true;
  protocol_->Stop(Now().boot + kStoreTimeout);
  if (awaits_) protocol_->OnAwaited();
  if (!awaits_ && !idles_) return;  // the answer of a call brings the next step
  awaits_ = idles_ = false;
  ++ticket_;
  Step();
}

bool Candidate::CheckForSpinning() {
  const BootTime now = Now().boot;
  steps_at_once_ = now == last_step_ ? steps_at_once_ + 1 : 0;
  last_step_ = now;
  if (steps_at_once_ < 100) return false;
  environment_.checker.Fail(InstanceOf(claim_) + " spins: it acts 100 times at one moment");
  return true;
}

void Candidate::Step() {
  if (environment_.checker.violation() || CheckForSpinning()) return;
  const Action action = protocol_->Next(Now());
  NoteTenure();
  MaybeStall();
  if (runs()) {
    CarryOut(action);
    return;
  }
  held_back_ = action;
  WakeAt(RunsAt());
}

void Candidate::CarryOut(const Action& action) {
  std::visit([this](const auto& one) { Carry(one); }, action);
}

void Candidate::Carry(ReadAction action) {
  Trace(5, [&] { return "reads " + action.name; });
  call_ = network_.Send({.receiver = this,
                         .node = identity_.node,
                         .claim = claim_,
                         .slot = SlotOf(action.name),
                         .deadline = identity_.clock->When(action.deadline),
                         .sent = Now().boot});
}

void Candidate::Carry(WriteAction action) {
  Trace(6, [&] {
    return fmt::format("writes {} if {}: phase {}, instance {}, stamp {}", action.name,
                       action.expected, static_cast<int>(action.record.phase),
                       action.record.holder.instance, action.record.stamp);
  });
  call_ = network_.Send({.receiver = this,
                         .node = identity_.node,
                         .claim = claim_,
                         .writes = true,
                         .slot = SlotOf(action.name),
                         .expected = std::move(action.expected),
                         .record = std::move(action.record),
                         .deadline = identity_.clock->When(action.deadline),
                         .sent = Now().boot});
}

void Candidate::Carry(AwaitAction action) {
  awaits_ = true;
  if (stopped_) action.until = Now().boot;
  WakeAt(identity_.clock->When(action.until));
  network_.SetWatch(identity_.node,
                    {.receiver = this, .ticket = ticket_, .seen = std::move(action.seen)});
}

void Candidate::Carry(const IdleAction& action) {
  idles_ = true;
  if (action.until == BootTime::max())
    ++ticket_;
  else
    WakeAt(identity_.clock->When(action.until));
}

void Candidate::Carry(const TellAction& action) {
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
      StopMachine();
  }
  Step();
}

void Candidate::BeginWork(const Event& event) {
  if (!environment_.faults_on) environment_.progressed = true;
  const auto tenure = protocol_->tenure();
  if (stopped_ || !tenure) return;
  const nanoseconds length =
      environment_.faults_on ? environment_.random.In({.to = 3 * spec().times.ttl}) : kPause;
  workers_.emplace_back(environment_, *identity_.clock,
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

void Candidate::Carry(const DoneAction& action) {
  Trace(200 + static_cast<std::uint64_t>(action.outcome), [&] {
    return fmt::format("is done: outcome {}, {}", static_cast<int>(action.outcome),
                       action.error.message);
  });
  environment_.checker.OnClaimEnded(claim_, action.outcome);
  protocol_.reset();
  ++ticket_;
  if (worker_ != nullptr) {
    environment_.checker.Fail(InstanceOf(claim_) + " is done while its work runs");
  }
  environment_.queue.At(
      environment_.queue.now() + environment_.random.In({.from = milliseconds(1), .to = kPause}),
      [this] { Claim(); });
}

void Candidate::WakeAt(TrueTime time) {
  const std::uint64_t ticket = ++ticket_;
  environment_.queue.At(time, [this, ticket] { OnWake(ticket); });
}

void Candidate::OnHint(std::uint64_t ticket) { OnWake(ticket); }

void Candidate::OnWake(std::uint64_t ticket) {
  if (ticket != ticket_ || !protocol_) return;
  if (!runs()) {
    environment_.queue.At(RunsAt(), [this, ticket] { OnWake(ticket); });
    return;
  }
  ++ticket_;
  if (held_back_) {
    const Action action = *std::exchange(held_back_, std::nullopt);
    CarryOut(action);
    return;
  }
  if (awaits_) protocol_->OnAwaited();
  awaits_ = idles_ = false;
  Step();
}

void Candidate::OnReply(CallId id) {
  if (call_ != id || !protocol_) return;
  if (!runs()) {
    environment_.queue.At(RunsAt(), [this, id] { OnReply(id); });
    return;
  }
  call_.reset();
  const Call& call = network_.at(id);
  if (call.writes) {
    protocol_->OnWrite(call.written, {.boot = call.sent}, Now());
  } else {
    if (call.snapshot) environment_.checker.OnSeen(claim_, call.slot, *call.snapshot);
    protocol_->OnRead(call.snapshot, Now());
  }
  NoteTenure();
  Step();
}

void Candidate::NoteTenure() {
  const auto tenure = protocol_->tenure();
  if (!tenure) return;
  environment_.checker.OnBelief(claim_, tenure->proof);
  if (worker_ != nullptr) worker_->MoveDeadline(tenure->KillAt());
}

}  // namespace monopod::sim
