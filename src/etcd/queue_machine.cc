#include "src/etcd/queue_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/protocol/backoff.h"

namespace monopod::etcd {
namespace {

using std::chrono::nanoseconds;

// Who waits does so on a lease no longer than this, so that one who dies is soon out of the way.
constexpr std::chrono::seconds kShortLease(15);
// What `etcdctl lock` grants itself unless told otherwise.
constexpr std::chrono::seconds kForeignTtl(60);

// Api: after these codes a mutation has not landed and never will.
bool NeverLanded(ErrorCode code) {
  return code == ErrorCode::kDenied || code == ErrorCode::kInvalidArgument ||
         code == ErrorCode::kNotFound || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kDeadlineExceeded;
}

}  // namespace

QueueMachine::QueueMachine(protocol::Claim claim, LockKeys keys,
                           std::function<std::string()> nonces)
    : claim_(std::move(claim)), keys_(std::move(keys)), nonces_(std::move(nonces)) {
  lease_.ttl = std::chrono::ceil<std::chrono::seconds>(claim_.times.ttl);
  slots_.slots = claim_.slots.value_or(1);
}

void QueueMachine::Assume(const KnownSlots& known) {
  if (known.mod == 0 || CheckSlots(known.value.slots)) return;
  slots_ = known.value;
  slots_mod_ = known.mod;
}

Action QueueMachine::Next(Moment now) {
  if (last_moment_ == BootTime{}) began_ = now.boot;
  last_moment_ = now.boot;
  if (!events_.empty()) {
    TellAction tell{std::move(events_.front())};
    events_.pop_front();
    return tell;
  }
  if (done_) return *done_;
  switch (state_) {
    case State::kQueued: return NextQueued(now);
    case State::kHolding: return NextHolding(now);
    case State::kLost: return IdleAction{BootTime::max()};
    case State::kEnding: return NextEnding(now);
  }
  return Finish(Outcome::kFailed, {ErrorCode::kInternal, "the queue machine has no such state"});
}

void QueueMachine::OnGrant(const Result<Granted>& reply, Moment sent, Moment received) {
  if (!reply) {
    OnFailure(reply.error(), received);
    return;
  }
  // One that was left over says nothing of etcd now.
  if (reply->kept >= sent.boot) OnContact();
  Lease& lease = lease_.asked ? lease_ : short_lease_;
  lease_.asked = false;
  lease.id = reply->id;
  lease.kept = reply->kept;
}

void QueueMachine::OnKeepAlive(const Result<std::chrono::seconds>& reply, Moment sent,
                               Moment received) {
  LoseIfExpired(received.boot);
  Lease& lease = lease_.asked ? lease_ : short_lease_;
  lease_.asked = false;
  if (reply) {
    OnContact();
    lease.kept = sent.boot;
    return;
  }
  if (reply.error().code != ErrorCode::kNotFound) {
    // It has time left, and proofs must not wait for it.
    lease.try_at = received.boot + claim_.times.attempt / 4;
    last_error_ = reply.error();
    return;
  }
  // A deposed leader may say so in error: the member itself tells.
  lease.kept = sent.boot;
  if (state_ == State::kQueued && own_.token != 0) scan_needed_ = true;
  prove_now_ = state_ == State::kHolding;
}

void QueueMachine::OnRevoke(const Result<void>& reply, Moment received) {
  if (!reply && reply.error().code != ErrorCode::kNotFound) {
    OnFailure(reply.error(), received);
    return;
  }
  OnContact();
  // No claim with that lease can land any more.
  lease_.id = kNoLease;
  tainted_ = false;
  revoked_ = state_ == State::kEnding;
}

void QueueMachine::OnLease(const Result<TimeToLive>& reply, Moment received) {
  if (!reply) {
    OnFailure(reply.error(), received);
    return;
  }
  OnContact();
  const auto asked = std::ranges::find_if(
      foreign_, [](const auto& one) { return !one.second.granted.has_value(); });
  if (asked != foreign_.end()) {
    asked->second.granted = reply->granted > std::chrono::seconds(0) ? reply->granted : kForeignTtl;
    return;
  }
  if (ended_foreign_.empty()) return;
  const Foreign ended = ended_foreign_.back();
  ended_foreign_.pop_back();
  // While its lease lives its key was deleted on purpose; else its work may go on.
  if (reply->left >= std::chrono::seconds(0) || !claim_.recovery_delay) return;
  const nanoseconds wait =
      claim_.foreign_ttl.value_or(protocol::SilenceToTakeOver(ended.granted.value_or(kForeignTtl)));
  not_before_ = std::max(not_before_, received.boot + wait);
}

void QueueMachine::OnTransaction(const Result<TransactionReply>& reply, Moment sent,
                                 Moment received) {
  LoseIfExpired(received.boot);
  if (!reply) {
    const ErrorCode code = reply.error().code;
    const bool landed_perhaps = !NeverLanded(code);
    if (call_ == Call::kClaim) {
      tainted_ = tainted_ || landed_perhaps;
      if (code == ErrorCode::kNotFound) {
        // The lease is gone, and with it whatever may have landed or still could.
        tainted_ = false;
        lease_.id = kNoLease;
      }
    }
    if (call_ == Call::kProve && code == ErrorCode::kNotFound) LeaseIsGone(proving_lease_);
    if (call_ == Call::kGiveUp || call_ == Call::kRelease) {
      end_sent_ = end_sent_ || landed_perhaps;
      out_of_space_ = out_of_space_ || code == ErrorCode::kOutOfSpace;
    }
    if (call_ == Call::kWhyLost) {
      Lose("its key is gone: the lease expired or was revoked, or somebody deleted it");
      return;
    }
    OnFailure(reply.error(), received);
    return;
  }
  OnContact();
  switch (call_) {
    case Call::kClaim: ClaimAnswered(*reply, sent.boot); return;
    case Call::kScan:
      if (IsFresh(*reply, received)) TakeScan(ReadScanReply(*reply), received);
      return;
    case Call::kLook:
      if (IsFresh(*reply, received)) TakeLook(ReadLookReply(*reply), received);
      return;
    case Call::kProve: ProveAnswered(*reply, sent, received); return;
    case Call::kWhoHolds: OwnerAnswered(*reply); return;
    case Call::kWhyLost: Lose(WhyLost(*reply)); return;
    case Call::kCredit: return;
    case Call::kRequeue: Requeue(reply->succeeded, received.boot); return;
    case Call::kGiveUp:
    case Call::kDropMember:
    case Call::kRelease: EndAnswered(*reply, received); return;
  }
}

// A put with it was refused.
void QueueMachine::LeaseIsGone(LeaseId lease) {
  if (lease == member_lease_) position_lost_ = true;
  if (lease == lease_.id) tainted_ = false;
  for (Lease* one : {&lease_, &short_lease_}) {
    if (one->id == lease) one->id = kNoLease;
  }
}

void QueueMachine::OnReport(const std::string& watched, const WatchReport& report,
                            Moment received) {
  if (report.kind == WatchReport::Kind::kStarted) {
    started_.insert(watched);
    // What happened to the own member before that only a proof can tell.
    prove_now_ = prove_now_ || (state_ == State::kHolding && watched == keys_.Member(own_.id));
    return;
  }
  if (report.kind == WatchReport::Kind::kBroken) {
    // What was missed only a look can tell, and only once the watch goes on.
    started_.erase(watched);
    look_needed_ = true;
    watch_patience_ = received.boot + claim_.times.attempt;
    return;
  }
  for (const WatchEvent& event : report.events) {
    if (event.now.key == keys_.Member(own_.id)) {
      // Before the claim was answered there is no place to lose: the answer will tell.
      if (event.deleted && own_.token != 0) position_lost_ = true;
      continue;
    }
    if (state_ != State::kQueued) continue;
    const auto is_member = [&](const Older& one) { return keys_.Member(one.id) == event.now.key; };
    const auto is_marker = [&](const Older& one) { return keys_.Marker(one.id) == event.now.key; };
    if (const auto at = std::ranges::find_if(older_, is_member); at != older_.end()) {
      OnMemberEvent(*at, event, received.boot);
    } else if (const auto on = std::ranges::find_if(older_, is_marker); on != older_.end()) {
      OnMarkerEvent(*on, event, received.boot);
    } else if (event.deleted) {
      const bool was_ahead = event.previous && event.previous->create_revision < wiped_token_;
      if (was_ahead) CarryWiped(*event.previous, received.boot);
      // In a watched range: a key of somebody else, or of a claim that only the ranks know.
      if (event.now.key != watched) scan_needed_ = true;
    }
  }
  if (state_ == State::kQueued) DropEndedHead();
}

void QueueMachine::Stop(BootTime end_by) {
  if (done_) return;
  if (state_ == State::kEnding) {
    end_by_ = std::min(end_by_, end_by);
    return;
  }
  end_by_ = end_by;
  if (state_ == State::kLost) {
    ending_as_ = Outcome::kLost;
  } else if (told_) {
    ending_as_ = Outcome::kReleased;
  } else {
    ending_as_ = Outcome::kNotAcquired;
  }
  state_ = State::kEnding;
  retry_at_ = {};
}

std::optional<protocol::Tenure> QueueMachine::tenure() const {
  if (!told_) return std::nullopt;
  return protocol::Tenure{.proof = proof_, .times = claim_.times};
}

std::vector<QueueMachine::LeaseUse> QueueMachine::leases() const {
  std::vector<LeaseUse> all = retired_;
  // A hold that outlives its process keeps its lease.
  const bool held_on = told_ && claim_.kind != HoldKind::kProcess;
  for (const Lease* lease : {&lease_, &short_lease_}) {
    if (lease->id == kNoLease || (held_on && lease->id == member_lease_)) continue;
    const bool clean = done_ && !tainted_ && lease == &lease_ && state_ == State::kEnding &&
                       (ending_as_ == Outcome::kReleased || ending_as_ == Outcome::kNotAcquired) &&
                       done_->outcome == ending_as_;
    all.push_back({.id = lease->id, .reusable = clean, .ttl = lease->ttl, .kept = lease->kept});
  }
  return all;
}

Action QueueMachine::Transact(Call call, Transaction transaction, Moment now) {
  call_ = call;
  return TransactAction{.transaction = std::move(transaction), .deadline = CallDeadline(now.boot)};
}

std::optional<Action> QueueMachine::NextKeepAlive(Moment now) {
  for (Lease* lease : {&lease_, &short_lease_}) {
    if (lease->id == kNoLease || now.boot < KeepAt(*lease)) continue;
    lease_.asked = lease == &lease_;
    return KeepAliveAction{.lease = lease->id, .deadline = CallDeadline(now.boot)};
  }
  return std::nullopt;
}

BootTime QueueMachine::NextKeepAt() const {
  BootTime next = BootTime::max();
  for (const Lease* lease : {&lease_, &short_lease_}) {
    if (lease->id != kNoLease) next = std::min(next, KeepAt(*lease));
  }
  return next;
}

// An answer from before the own claim says nothing of what is ahead of it.
bool QueueMachine::IsFresh(const TransactionReply& reply, Moment received) {
  if (reply.revision >= own_.token) return true;
  retry_at_ = received.boot + protocol::kFirstBackoff;
  return false;
}

BootTime QueueMachine::CallDeadline(BootTime now) const {
  const BootTime attempt = now + claim_.times.attempt;
  if (state_ == State::kQueued && !contacted_) return std::min(attempt, ContactBy());
  if (state_ == State::kEnding) return std::min(attempt, end_by_);
  if (state_ == State::kHolding && told_) return std::min(attempt, proof_ + claim_.times.term);
  return attempt;
}

// A call takes less than this, so that renewals leave time for all else.
BootTime QueueMachine::KeepAt(const Lease& lease) const {
  return std::max(lease.kept + nanoseconds(lease.ttl) / 4, lease.try_at);
}

nanoseconds QueueMachine::LookEvery() const {
  return std::min<nanoseconds>(claim_.times.ttl, kShortLease) / 2;
}

void QueueMachine::OnFailure(const Error& error, Moment received) {
  last_error_ = error;
  backoff_ = protocol::NextBackoff(backoff_, claim_.times.attempt);
  retry_at_ = received.boot + backoff_;
  // A lease that is gone is replaced. A holder keeps trying: rights may come back before the tenure
  // ends.
  const bool permanent = error.code != ErrorCode::kNotFound && protocol::IsPermanent(error.code);
  if (permanent && state_ == State::kQueued) Fail(error);
}

void QueueMachine::OnContact() {
  contacted_ = true;
  retry_at_ = {};
  backoff_ = nanoseconds(0);
}

// Nothing was told, and nothing can come of it: leaves the queue, then reports the error.
void QueueMachine::Fail(Error error) {
  if (own_.token == 0 && !tainted_) {
    Finish(Outcome::kFailed, std::move(error));
    return;
  }
  ending_error_ = std::move(error);
  Stop(last_moment_ + claim_.store_timeout);
}

Action QueueMachine::Finish(Outcome outcome, Error error) {
  done_ = DoneAction{.outcome = outcome, .error = std::move(error)};
  return *done_;
}

}  // namespace monopod::etcd
