#include "sim/queue/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/queue/lock_text.h"
#include "sim/queue/transaction_text.h"

namespace monopod::sim::queue {

using protocol::Moment;
using std::chrono::seconds;

Client::Client(const Parts& parts, const Identity& identity)
    : Process({.world = parts.world, .judge = parts.checker, .clock = *identity.clock}, identity,
              {.stall = parts.schedule.faults.stall, .crash = parts.schedule.faults.crash}),
      parts_(parts) {}

bool Client::Owns(const std::string& key) const {
  return claims() && ReadKey(key).owner == claim();
}

protocol::Claim Client::DrawClaim() {
  // Who does not say a number takes what there is.
  const bool says_slots = parts_.world.faults_on && parts_.schedule.faults.resize <= 0 &&
                          parts_.world.random.Chance(0.95);
  protocol::Claim claim{.lock = kLockName,
                        .holder = {.name = "pod", .instance = NonceOf(this->claim())},
                        .times = spec().times,
                        .lock_delay = spec().lock_delay,
                        .recovery_delay = parts_.schedule.recovery_delay,
                        .store_timeout = kStoreTimeout};
  if (says_slots) claim.slots = parts_.schedule.slots;
  if (parts_.world.Happens(parts_.schedule.faults.sticky)) claim.kind = HoldKind::kSticky;
  DrawPatience(claim);
  return claim;
}

void Client::MakeMachine() {
  call_.reset();
  costs_ = {};
  machine_ = parts_.make_machine(DrawClaim(), etcd::LockKeys(kPrefix, kLockName), [this] {
    return fmt::format("{:04x}{:02x}", claim(), ++nonces_);
  });
  machine_->Assume(slots_);
  costs_.learns_slots = parts_.schedule.slots_said && slots_.mod == 0;
}

void Client::DropMachine(bool crashed) {
  for (const auto& [begin, watched] : watched_) parts_.watches.Stop(watched.id);
  watched_.clear();
  letters_.clear();
  call_.reset();
  if (!crashed) {
    for (const auto& lease : machine_->leases()) leases_.Return(lease);
    slots_ = machine_->known_slots();
  }
  machine_.reset();
  if (crashed) {
    leases_.TakeAll();
    slots_ = {};
  } else if (parts_.world.Happens(parts_.schedule.faults.exit)) {
    EndProcess();
  }
}

// A process that ends revokes long leases, and awaits no answer here; another one starts.
void Client::EndProcess() {
  slots_ = {};
  for (const auto& lease : leases_.TakeAll()) {
    if (lease.ttl <= seconds(15)) continue;
    parts_.network.Send({.node = identity().node,
                         .claim = claim(),
                         .request = RevokeRequest{lease.id},
                         .deadline = parts_.world.queue.now() + seconds(1),
                         .sent = Now()});
  }
}

void Client::Ask() {
  const Moment now = Now();
  for (const Letter& letter : std::exchange(letters_, {})) {
    if (!watched_.contains(letter.watched)) continue;
    for (const auto& event : letter.report->events) {
      if (!event.deleted) parts_.checker.OnSeen(claim(), event.now);
      if (event.previous) parts_.checker.OnSeen(claim(), *event.previous);
    }
    machine_->OnReport(letter.watched, *letter.report, now);
  }
  action_ = machine_->Next(now);
}

void Client::CarryOut() {
  etcd::Action action = *std::exchange(action_, std::nullopt);
  std::visit([this](auto& one) { Carry(one); }, action);
}

void Client::Send(Request request, BootTime deadline) {
  call_ = parts_.network.Send({.receiver = this,
                               .node = identity().node,
                               .claim = claim(),
                               .request = std::move(request),
                               .deadline = identity().clock->When(deadline),
                               .sent = Now()});
}

void Client::Carry(const etcd::GrantAction& action) {
  const Moment now = Now();
  if (const auto kept = leases_.Take(action.ttl, now.boot)) {
    machine_->OnGrant(*kept, now, now);
    Step();
    return;
  }
  ++costs_.grants;
  Send(GrantRequest{.lease = ++parts_.last_lease, .ttl = action.ttl}, action.deadline);
}

void Client::Carry(const etcd::KeepAliveAction& action) {
  Trace(5, [&] { return fmt::format("keeps {:x} alive", action.lease); });
  Send(KeepAliveRequest{action.lease}, action.deadline);
}

void Client::Carry(const etcd::RevokeAction& action) {
  Trace(6, [&] { return fmt::format("revokes {:x}", action.lease); });
  Send(RevokeRequest{action.lease}, action.deadline);
}

void Client::Carry(const etcd::AskLeaseAction& action) {
  Trace(7, [&] { return fmt::format("asks for {:x}", action.lease); });
  Send(TimeToLiveRequest{action.lease}, action.deadline);
}

void Client::Carry(etcd::TransactAction& action) {
  Trace(8, [&] { return "sends " + TextOf(action.transaction); });
  ++(IsReadOnly(action.transaction) ? costs_.reads : costs_.writes);
  Send(std::move(action.transaction), action.deadline);
}

void Client::Carry(const etcd::WatchAction& action) {
  Trace(12, [&] {
    std::string keys;
    for (const auto& wanted : action.watched) keys += " " + wanted.begin;
    return "watches" + keys;
  });
  const auto is_wanted = [&](const auto& watched) {
    return std::ranges::any_of(action.watched, [&](const auto& wanted) {
      return wanted.begin == watched.first && wanted.end == watched.second.end;
    });
  };
  for (auto at = watched_.begin(); at != watched_.end();) {
    if (is_wanted(*at)) {
      ++at;
      continue;
    }
    parts_.watches.Stop(at->second.id);
    at = watched_.erase(at);
  }
  for (const auto& wanted : action.watched) {
    if (watched_.contains(wanted.begin)) continue;
    const auto report = [this, begin = wanted.begin](const Watches::Report& told) {
      Arrived(begin, told);
    };
    watched_[wanted.begin] = {
        .end = wanted.end,
        .id = parts_.watches.Start(
            {.node = identity().node, .begin = wanted.begin, .end = wanted.end, .report = report})};
  }
  Step();
}

void Client::Arrived(const std::string& watched, const Watches::Report& report) {
  Trace(9, [&] { return "hears of " + watched + ": " + TextOf(*report); });
  letters_.push_back({.watched = watched, .report = report});
  if (awaits()) OnWake(await_);
}

void Client::Carry(const etcd::AwaitAction& action) {
  if (!letters_.empty()) {
    Step();
    return;
  }
  await_ = Await(action.until);
}

void Client::Carry(const protocol::TellAction& action) {
  const EventKind kind = action.event.kind;
  if (kind == EventKind::kAcquired || kind == EventKind::kTakenOver) {
    parts_.checker.OnTold(claim(), action.event.token);
    costs_.held = true;
  }
  Process::Carry(action);
}

void Client::Carry(const protocol::DoneAction& action) {
  const bool undisturbed = costs_.held && !costs_.failed;
  if (parts_.schedule.calm && undisturbed && !leftovers_) CheckCosts();
  leftovers_ = costs_.failed || (leftovers_ && !undisturbed);
  Process::Carry(action);
}

// One uncontended cycle is two commits besides the proofs, and no read. One more commit tells a
// process the number of slots, if that was said; and who counts ranks looks at all, once more if it
// hears of what it tidied away.
void Client::CheckCosts() {
  const int proofs = parts_.checker.proofs(claim());
  const int writes = 2 + proofs + (costs_.learns_slots ? 1 : 0);
  const int reads = parts_.schedule.slots > 1 ? 2 : 0;
  if (costs_.grants <= 1 && costs_.reads <= reads && costs_.writes == writes) return;
  parts_.checker.Fail(fmt::format("costs: {} took {} grants, {} reads, {} writes and {} proofs",
                                  InstanceOf(claim()), costs_.grants, costs_.reads, costs_.writes,
                                  proofs));
}

void Client::OnReply(CallId id) {
  if (call_ != id || !machine_ || Postponed([this, id] { OnReply(id); })) return;
  call_.reset();
  Tell(parts_.network.at(id), parts_.network.TakeReply(id));
  NoteTenure();
  Step();
}

void Client::Tell(const Call& call, const Reply& answer) {
  const Moment received = Now();
  const bool answered = std::visit([](const auto& reply) { return reply.has_value(); }, answer);
  costs_.failed = costs_.failed || !answered;
  if (!answered) {
    Trace(10, [&] {
      return "gets no answer: " +
             std::visit([](const auto& reply) { return reply.error().message; }, answer);
    });
  }
  if (const auto* grant = std::get_if<GrantRequest>(&call.request)) {
    const auto& reply = std::get<Result<seconds>>(answer);
    const auto granted = reply.map(
        [&](seconds) { return etcd::Granted{.id = grant->lease, .kept = call.sent.boot}; });
    machine_->OnGrant(granted, call.sent, received);
  } else if (std::holds_alternative<KeepAliveRequest>(call.request)) {
    machine_->OnKeepAlive(std::get<Result<seconds>>(answer), call.sent, received);
  } else if (std::holds_alternative<RevokeRequest>(call.request)) {
    machine_->OnRevoke(std::get<Result<void>>(answer), received);
  } else if (std::holds_alternative<TimeToLiveRequest>(call.request)) {
    machine_->OnLease(std::get<Result<etcd::TimeToLive>>(answer), received);
  } else {
    const auto& reply = std::get<Result<etcd::TransactionReply>>(answer);
    if (reply) {
      Trace(11, [&] { return "is answered: " + TextOf(*reply); });
      // What was before the own claim is not believed.
      if (reply->revision >= parts_.checker.token(claim())) {
        parts_.checker.OnAnswered(claim());
        NoteSeen(*reply);
      }
    }
    machine_->OnTransaction(reply, call.sent, received);
  }
}

void Client::NoteSeen(const etcd::TransactionReply& reply) {
  for (const auto& one : reply.replies) {
    if (const auto* range = std::get_if<etcd::RangeReply>(&one)) {
      for (const auto& at : range->found) parts_.checker.OnSeen(claim(), at);
    } else if (const auto* nested = std::get_if<etcd::TransactionReply>(&one)) {
      NoteSeen(*nested);
    }
  }
}

}  // namespace monopod::sim::queue
