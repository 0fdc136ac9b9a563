#include "sim/candidate.h"

#include <fmt/format.h>

#include <utility>

namespace monopod::sim {

using protocol::AwaitAction;
using protocol::ReadAction;
using protocol::WriteAction;
using std::chrono::seconds;

Candidate::Candidate(const Parts& parts, const Identity& identity)
    : Process({.world = parts.environment,
               .judge = parts.environment.checker,
               .clock = *identity.clock},
              identity,
              {.stall = parts.environment.schedule.faults.stall,
               .crash = parts.environment.schedule.faults.crash}),
      environment_(parts.environment),
      network_(parts.network),
      make_protocol_(parts.make_protocol) {}

protocol::Claim Candidate::DrawClaim() {
  // Who does not say a number takes what there is, and fixes it at one if there is none.
  const bool says_slots = environment_.faults_on && environment_.schedule.faults.resize <= 0 &&
                          environment_.random.Chance(0.95);
  protocol::Claim claim{.lock = kLock,
                        .holder = {.name = "pod", .instance = InstanceOf(this->claim())},
                        .times = spec().times,
                        .lock_delay = spec().lock_delay,
                        .recovery_delay = environment_.schedule.recovery_delay,
                        .store_timeout = kStoreTimeout};
  if (environment_.schedule.faults.foreign > 0 && environment_.random.Chance(0.3)) {
    claim.foreign_ttl = environment_.random.OneOf({seconds(1), seconds(20)});
  }
  if (says_slots) claim.slots = environment_.schedule.slots;
  DrawPatience(claim);
  return claim;
}

void Candidate::MakeMachine() {
  call_.reset();
  protocol_ =
      make_protocol_(DrawClaim(), [this] { return fmt::format("{}-{}", claim(), ++nonces_); });
}

void Candidate::DropMachine(bool crashed) {
  if (crashed) network_.Restarted(identity().node);
  protocol_.reset();
  call_.reset();
}

void Candidate::CarryOut() {
  const protocol::Action action = action_;
  std::visit([this](const auto& one) { Carry(one); }, action);
}

void Candidate::Carry(const ReadAction& action) {
  Trace(5, [&] { return "reads " + action.name; });
  call_ = network_.Send({.caller = this,
                         .node = identity().node,
                         .claim = claim(),
                         .slot = SlotOf(action.name),
                         .deadline = identity().clock->When(action.deadline),
                         .sent = Now().boot});
}

void Candidate::Carry(const WriteAction& action) {
  Trace(6, [&] {
    return fmt::format("writes {} if {}: phase {}, instance {}, stamp {}", action.name,
                       action.expected, static_cast<int>(action.record.phase),
                       action.record.holder.instance, action.record.stamp);
  });
  const bool removes = protocol_->Removes(action);
  call_ = network_.Send({.caller = this,
                         .node = identity().node,
                         .claim = claim(),
                         .kind = removes ? Call::Kind::kRemove : Call::Kind::kWrite,
                         .slot = SlotOf(action.name),
                         .expected = action.expected,
                         .record = action.record,
                         .deadline = identity().clock->When(action.deadline),
                         .sent = Now().boot});
}

void Candidate::Carry(const AwaitAction& action) {
  news_.clear();
  await_ = Await(action.until);
  network_.hints().Await(identity().node, {.waiter = this, .ticket = await_, .seen = action.seen});
}

void Candidate::OnHint(std::uint64_t ticket, std::vector<protocol::Listed> news) {
  if (ticket != await_ || !protocol_) return;
  news_ = std::move(news);
  OnWake(ticket);
}

void Candidate::EndAwait() {
  for (const protocol::Listed& one : news_) {
    environment_.checker.OnSeen(claim(), SlotOf(one.name), one.snapshot);
  }
  protocol_->OnNews(std::exchange(news_, {}), Now());
}

void Candidate::OnReply(CallId id) {
  if (call_ != id || !protocol_ || Postponed([this, id] { OnReply(id); })) return;
  call_.reset();
  const Call& call = network_.at(id);
  if (call.writes()) {
    protocol_->OnWrite(call.written, {.boot = call.sent}, Now());
  } else {
    if (call.snapshot) environment_.checker.OnSeen(claim(), call.slot, *call.snapshot);
    protocol_->OnRead(call.snapshot, Now());
  }
  NoteTenure();
  Step();
}

}  // namespace monopod::sim
