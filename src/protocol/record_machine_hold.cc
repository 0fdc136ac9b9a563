// Holding: from the claim that landed, through recovery and renewals, to the end of the hold.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/duration.h"
#include "src/protocol/backoff.h"
#include "src/protocol/record_machine.h"

namespace monopod::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

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
  // Holds that began together are not renewed together: the first renewal comes up to half an
  // interval early. No more do, so that there is one for each interval and no more.
  renew_early_ = first ? 5 * RenewJitter(record.stamp, claim_.times.renew) : nanoseconds(0);
  attempts_.clear();
  if (stale_) events_.push_back(*std::exchange(stale_, std::nullopt));
  if (!first || begun_) return;
  events_.push_back({.kind = EventKind::kRecovering,
                     .slot = slot_,
                     .token = token_,
                     .owner = previous_.record.holder,
                     .duration = std::max(chance_.work_may_begin, sent) - sent,
                     .detail = previous_.record.note});
}

Action RecordMachine::NextHolding(Moment now) {
  LoseIfExpired(now.boot);
  if (state_ == State::kLost) return Next(now);
  const bool time_is_up = claim_.give_up_at && now.boot >= *claim_.give_up_at;
  if (!told_ && time_is_up && (!begun_ || backoff_ > nanoseconds(0))) return GiveUp(now);
  if (!told_ && StoreTimedOut(now)) return GiveUp(now);
  const BootTime latest =
      told_ ? proof_ + claim_.times.term : claim_.give_up_at.value_or(BootTime::max());
  if (now.boot < retry_at_) return IdleAction{std::min(retry_at_, latest)};
  if (must_read_) return EmitRead(slot_, now.boot);

  const bool may_begin = now.boot >= chance_.work_may_begin;
  const BootTime renew_at = proof_ + claim_.times.renew - renew_early_;
  if (begun_ && !told_) {
    // Sticky only now: a claim that nobody was told of must go stale.
    if (own().record.kind != claim_.kind) return Renew(now);
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
    record.kind = claim_.kind;
    record.owed_kill = milliseconds(0);
    record.note.clear();
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
      OnContact(true);
      contacted_ = true;
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
  attempts_.clear();
  begun_ = false;
  for (int slot = 0; slot < static_cast<int>(slots_.size()); ++slot) {
    // Its own was read this moment.
    if (slot != slot_) slot_at(slot).fresh = false;
  }
  slot_ = -1;
}

void RecordMachine::Lose(Loss loss) {
  ended_elsewhere_ = loss.over;
  if (state_ == State::kEnding)
    ending_as_ = Outcome::kLost;
  else
    state_ = State::kLost;
  events_.push_back({.kind = EventKind::kLost,
                     .slot = slot_,
                     .token = token_,
                     .owner = loss.successor.holder,
                     .owner_since = loss.successor.acquired,
                     .owner_renewed = loss.successor.renewed,
                     .detail = std::move(loss.detail)});
}

// Checked before each answer is looked at, too: a proof that comes after `term` is too late.
void RecordMachine::LoseIfExpired(BootTime now) {
  if (state_ != State::kHolding || !told_ || now < proof_ + claim_.times.term) return;
  must_read_ = true;
  Lose({.detail =
            fmt::format("not renewed for {}: {}", FormatDuration(now - proof_),
                        backoff_ > nanoseconds(0) ? last_error_.message
                                                  : "no answer, or this process did not run")});
}

void RecordMachine::TellReleased() {
  if (!told_ || ending_as_ != Outcome::kReleased) return;
  events_.push_back({.kind = EventKind::kReleased, .slot = slot_, .token = token_});
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
    return Finish(
        Outcome::kUnknown,
        {ErrorCode::kIndeterminate,
         fmt::format("the store did not confirm the end of this claim in time ({}); {}",
                     last_error_.message,
                     claim_.kind == HoldKind::kSticky ? "if it stands, only `monopod break` ends it"
                                                      : "if it stands, it goes stale after " +
                                                            FormatDuration(claim_.times.ttl))});
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

void RecordMachine::EndingRead(const Snapshot& snapshot, BootTime received) {
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
  // The end that this claim wrote, or a later hold that nobody has to recover from. Anything else
  // ended the hold before that write came.
  const Record& record = snapshot.record;
  const bool own_end = attempts_.contains(record.stamp);
  // One that has begun, or is over, by now, did so after an end that was clean: after any other it
  // would still be waiting.
  const bool soon = received < proof_ + claim_.times.kill;
  const bool later_has_begun = record.phase == Phase::kHeld && (soon || end_may_land_);
  const bool later_is_over =
      record.phase == Phase::kFree && record.owed_kill == milliseconds(0) && soon;
  const bool after_own_end = !attempts_.empty() && !record.foreign && record.token > token_ &&
                             (later_has_begun || later_is_over);
  if (own_end || after_own_end) {
    TellReleased();
    ended_elsewhere_ = true;
    return;
  }
  Lose({.detail = WhyLost(snapshot), .over = true, .successor = snapshot.record});
}

}  // namespace monopod::protocol
