// Holding: from the claim that landed, through recovery and renewals, to the end of the hold.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/duration.h"
#include "src/protocol/record_machine.h"

namespace monopod::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Renewals of many holders that started together drift apart: up to a tenth earlier.
nanoseconds Jitter(const std::string& nonce, milliseconds renew) {
  const unsigned byte = nonce.empty() ? 0 : static_cast<unsigned char>(nonce.back()) % 16U;
  return nanoseconds(renew) * byte / 160;
}

std::string WhyLost(const Snapshot& snapshot) {
  if (!snapshot.exists()) return "the lock's record was deleted";
  if (!snapshot.record.note.empty()) return snapshot.record.note;
  return "the lock is no longer held by this claim";
}

}  // namespace

void RecordMachine::ClaimLanded(const Record& record, BootTime sent) {
  const bool first = state_ == State::kSeeking;
  if (state_ != State::kEnding) state_ = State::kHolding;
  unresolved_ = false;
  must_read_ = false;
  token_ = record.token;
  proof_ = first ? sent : std::max(proof_, sent);
  begun_ = record.phase == Phase::kHeld;
  renew_jitter_ = Jitter(record.stamp, claim_.times.renew);
  attempts_.clear();
  if (!first || begun_) return;
  events_.push_back({.kind = EventKind::kRecovering,
                     .slot = slot_,
                     .token = token_,
                     .owner = previous_.record.holder,
                     .duration = chance_.work_may_begin - sent,
                     .detail = previous_.record.note});
}

Action RecordMachine::NextHolding(Moment now) {
  const BootTime term_at = proof_ + claim_.times.term;
  if (told_ && now.boot >= term_at) {
    Lose({.detail = fmt::format("not renewed for {}: {}", FormatDuration(now.boot - proof_),
                                backoff_ > nanoseconds(0) ? last_error_.message
                                                          : "this process did not run")});
    return Next(now);
  }
  if (!told_ && StoreTimedOut(now)) return FailUnavailable();
  if (!begun_ && claim_.give_up_at && now.boot >= *claim_.give_up_at) return GiveUp(now);
  const BootTime latest = told_ ? term_at : claim_.give_up_at.value_or(BootTime::max());
  if (now.boot < retry_at_) return IdleAction{std::min(retry_at_, latest)};
  if (must_read_) return EmitRead(slot_, now.boot);

  const bool may_begin = now.boot >= chance_.work_may_begin;
  const BootTime renew_at = proof_ + claim_.times.renew - renew_jitter_;
  if (begun_ && !told_) {
    // A claim whose answer took long is proved afresh before anyone relies on it.
    return now.boot - proof_ <= claim_.times.ttl / 4 ? TellHeld(now) : Renew(now);
  }
  if (now.boot >= renew_at || (!begun_ && may_begin)) return Renew(now);
  if (!slot_at(slot_).fresh) return EmitRead(slot_, now.boot);
  BootTime until = std::min(renew_at, latest);
  if (!begun_) until = std::min(until, chance_.work_may_begin);
  return AwaitAction{.seen = {{.name = slot_at(slot_).name, .version = own().version}},
                     .until = until};
}

Action RecordMachine::Renew(Moment now) {
  Record record = own().record;
  if (now.boot >= chance_.work_may_begin) {
    record.phase = Phase::kHeld;
    record.owed_kill = milliseconds(0);
  }
  record.stamp = record.edit = nonces_();
  record.credit = milliseconds(0);
  record.renewed = now.wall;
  return EmitWrite(WriteKind::kRenew, slot_, std::move(record), now.boot);
}

Action RecordMachine::TellHeld(Moment now) {
  told_ = true;
  return TellAction{{.kind = chance_.clean ? EventKind::kAcquired : EventKind::kTakenOver,
                     .slot = slot_,
                     .token = token_,
                     .owner = chance_.clean ? Holder{} : previous_.record.holder,
                     .owner_since = previous_.record.acquired,
                     .owner_renewed = previous_.record.renewed,
                     .duration = now.boot - proof_,
                     .detail = chance_.clean ? std::string() : previous_.record.note}};
}

// The own slot was read, while seeking (a claim of unknown fate) or holding.
void RecordMachine::HoldingRead(const Snapshot& snapshot) {
  must_read_ = false;
  if (IsMine(snapshot)) {
    // Only a landed write is a proof, and it counts from when *it* was sent: an old stamp says
    // nothing new.
    const auto attempt = attempts_.find(snapshot.record.stamp);
    if (attempt != attempts_.end()) {
      const BootTime sent = attempt->second;
      ClaimLanded(snapshot.record, sent);
    }
    return;
  }
  if (state_ == State::kSeeking) {
    if (snapshot.exists() && snapshot.version == unresolved_version_) return;
    ForgetClaim();
    return;
  }
  if (told_) {
    Lose({.detail = WhyLost(snapshot), .over = true, .successor = snapshot.record});
    return;
  }
  ForgetClaim();
}

// Nobody was told that this claim holds, so that it may simply seek again.
void RecordMachine::ForgetClaim() {
  state_ = State::kSeeking;
  unresolved_ = false;
  slot_ = -1;
  attempts_.clear();
  begun_ = false;
  for (Slot& slot : slots_) slot.fresh = false;
}

void RecordMachine::Lose(Loss loss) {
  ended_elsewhere_ = loss.over;
  if (!told_) {
    Finish(Outcome::kFailed, {ErrorCode::kStoreReplaced, std::move(loss.detail)});
    return;
  }
  state_ = State::kLost;
  events_.push_back({.kind = EventKind::kLost,
                     .slot = slot_,
                     .token = token_,
                     .owner = loss.successor.holder,
                     .owner_since = loss.successor.acquired,
                     .owner_renewed = loss.successor.renewed,
                     .detail = std::move(loss.detail)});
}

Record RecordMachine::FreeRecord(Moment now) {
  Record record = own().record;
  if (begun_) {
    record.owed_kill = milliseconds(0);
    record.credit = milliseconds(0);
  } else {
    // Its own work never began; what it inherited is handed on, with the time waited so far.
    const nanoseconds waited = std::clamp<nanoseconds>(
        now.boot - std::max(chance_.counted_from, now.boot - kMaxTtl), nanoseconds(0), kMaxTtl);
    record.credit = std::chrono::floor<milliseconds>(waited);
  }
  record.phase = Phase::kFree;
  record.kind = HoldKind::kProcess;
  record.holder = {};
  record.ttl = record.kill = milliseconds(0);
  record.stamp = record.edit = nonces_();
  record.renewed = now.wall;
  return record;
}

Action RecordMachine::NextEnding(Moment now) {
  if (slot_ < 0) return NextCreditOrDone(now);
  if (ended_elsewhere_) return Finish(ending_as_);
  if (now.boot >= end_by_) {
    return Finish(Outcome::kUnknown,
                  {ErrorCode::kIndeterminate,
                   fmt::format("the store did not confirm the end of this claim in time ({}); if "
                               "it stands, it ends by itself within {}",
                               last_error_.message, FormatDuration(claim_.times.ttl))});
  }
  if (now.boot < retry_at_) return IdleAction{std::min(retry_at_, end_by_)};
  if (must_read_ || !slot_at(slot_).fresh) return EmitRead(slot_, now.boot);
  if (IsMine(own())) return EmitWrite(WriteKind::kFree, slot_, FreeRecord(now), now.boot);
  if (unresolved_) {
    // The claim's write may still arrive: a write of another kind makes it fail.
    Record fence = own().record;
    fence.edit = nonces_();
    return EmitWrite(WriteKind::kFence, slot_, std::move(fence), now.boot);
  }
  return Finish(ending_as_);
}

void RecordMachine::EndingRead(const Snapshot& snapshot) {
  must_read_ = false;
  if (IsMine(snapshot)) {
    unresolved_ = false;
    // A hold whose beginning was never confirmed may have begun; its work was never started.
    begun_ = snapshot.record.phase == Phase::kHeld;
    return;
  }
  if (unresolved_ && snapshot.exists() && snapshot.version == unresolved_version_) return;
  unresolved_ = false;
  if (ending_as_ != Outcome::kReleased) return;
  if (free_unknown_) {
    events_.push_back({.kind = EventKind::kReleased, .slot = slot_, .token = token_});
    return;
  }
  ending_as_ = Outcome::kLost;
  Lose({.detail = WhyLost(snapshot), .over = true, .successor = snapshot.record});
  state_ = State::kEnding;
}

}  // namespace monopod::protocol
