#include "src/protocol/record_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/lock_name.h"
#include "src/protocol/backoff.h"

namespace monopod::protocol {
namespace {

using std::chrono::nanoseconds;

// RecordStore::Write: after these codes the write has not landed and never will.
bool NeverLanded(ErrorCode code) {
  return code == ErrorCode::kConflict || code == ErrorCode::kDenied ||
         code == ErrorCode::kUnsupported || code == ErrorCode::kStoreReplaced ||
         code == ErrorCode::kInvalidArgument;
}

}  // namespace

RecordMachine::RecordMachine(Claim claim, NonceSource nonces)
    : claim_(std::move(claim)), nonces_(std::move(nonces)) {
  slots_.push_back({.name = SlotRecordName(claim_.lock, 0)});
}

Action RecordMachine::Next(Moment now) {
  if (!events_.empty()) {
    TellAction tell{std::move(events_.front())};
    events_.pop_front();
    return tell;
  }
  if (done_) return *done_;
  switch (state_) {
    case State::kSeeking: return NextSeeking(now);
    case State::kHolding: return NextHolding(now);
    case State::kLost: return IdleAction{BootTime::max()};
    case State::kEnding: return NextEnding(now);
  }
  return Finish(Outcome::kFailed, {ErrorCode::kInternal, "the record machine has no such state"});
}

void RecordMachine::OnRead(const Result<Snapshot>& reply, Moment received) {
  LoseIfExpired(received.boot);
  if (!reply) {
    OnFailure(reply.error(), received.boot, false);
    return;
  }
  OnContact(false);
  crowd_.CallTook(received.boot - call_started_);
  Slot& slot = slot_at(call_slot_);
  slot.observation.Saw(*reply, received.boot);
  slot.fresh = true;
  if (call_slot_ > 0 && reply->record.phase == Phase::kRetired) {
    // Whether it may be used again only a number of slots tells that is read after this.
    slot_at(0).fresh = false;
  }
  if (call_slot_ != slot_) return;
  switch (state_) {
    case State::kSeeking:
    case State::kHolding: HoldingRead(*reply); return;
    case State::kEnding: EndingRead(*reply, received.boot); return;
    case State::kLost: return;
  }
}

void RecordMachine::OnWrite(const Result<Written>& reply, Moment sent, Moment received) {
  LoseIfExpired(received.boot);
  if (write_kind_ == WriteKind::kCredit) slot_at(call_slot_).credit_tried = true;
  if (!reply) {
    OnWriteFailure(reply.error(), sent.boot, received.boot);
    return;
  }
  OnContact(true);
  crowd_.CallTook(received.boot - call_started_);
  contacted_ = true;
  Slot& slot = slot_at(call_slot_);
  slot.observation.Saw(
      {.version = reply->version, .record = write_record_, .next_token = reply->next_token},
      received.boot);
  slot.fresh = true;
  switch (write_kind_) {
    case WriteKind::kPrepare:
    case WriteKind::kCredit: return;
    case WriteKind::kClaim:
    case WriteKind::kRenew:
      if (state_ != State::kLost) ClaimLanded(write_record_, sent.boot);
      return;
    case WriteKind::kFree: TellReleased(); [[fallthrough]];
    case WriteKind::kFence: Finish(ending_as_); return;
  }
}

void RecordMachine::OnWriteFailure(const Error& error, BootTime sent, BootTime received) {
  const bool conflict = error.code == ErrorCode::kConflict;
  if (conflict) {
    OnContact(true);
    if (write_kind_ == WriteKind::kClaim && slot_at(call_slot_).turn) {
      crowd_.Rejected(received - sent);
    }
    // A smaller number of slots may be why; only the slot-0 record says so.
    for (Slot& slot : slots_) slot.fresh = false;
  }
  // Somebody on the way (a proxy) may have sent the write twice and pass on what the second try
  // met: the first. So a conflict says that nothing can land any more, not that nothing has.
  if (conflict || !NeverLanded(error.code)) {
    slot_at(call_slot_).fresh = false;
    if (slot_ >= 0) attempts_[write_record_.stamp] = sent;
    if (write_kind_ == WriteKind::kClaim) {
      // An earlier try, too, may still land.
      if (!conflict) unresolved_version_ = write_expected_;
      if (conflict && !unresolved_) unresolved_version_ = Version();
      unresolved_ = true;
    }
    if (write_kind_ == WriteKind::kFree && !conflict) end_may_land_ = true;
  }
  must_read_ = slot_ >= 0;
  if (state_ == State::kSeeking && !unresolved_) slot_ = -1;
  if (!conflict) OnFailure(error, received, true);
}

void RecordMachine::OnAwaited() {
  for (Slot& slot : slots_) slot.fresh = false;
}

void RecordMachine::OnAwaited(std::span<const Listed> news, Moment received) {
  const bool seeks = state_ == State::kSeeking && !unresolved_;
  if (seeks && news.empty()) {
    // Nothing has changed until it is our turn, so nothing need be read for that.
    const bool turn = std::ranges::any_of(slots_, [&](const Slot& slot) {
      return slot.turn && *slot.turn <= received.boot &&
             slot.turn_version == slot.observation.last().version;
    });
    if (turn) return;
  }
  if (!seeks || news.empty()) {
    OnAwaited();
    return;
  }
  told_of_changes_ = true;
  for (const Listed& each : news) {
    const auto slot = std::ranges::find(slots_, each.name, &Slot::name);
    if (slot != slots_.end()) News(*slot, each.snapshot, received.boot);
  }
}

void RecordMachine::Stop(BootTime end_by) {
  if (done_) return;
  if (state_ == State::kEnding) {
    end_by_ = std::min(end_by_, end_by);
    return;
  }
  end_by_ = end_by;
  if (state_ == State::kLost) {
    ending_as_ = Outcome::kLost;
  } else if (state_ == State::kHolding && told_) {
    ending_as_ = Outcome::kReleased;
  } else {
    ending_as_ = Outcome::kNotAcquired;
  }
  state_ = State::kEnding;
  retry_at_ = {};
  attempts_.clear();  // of renewals; from here on it is told by the writes that end the hold
}

std::optional<Tenure> RecordMachine::tenure() const {
  if (!told_) return std::nullopt;
  return Tenure{.proof = proof_, .times = claim_.times};
}

Action RecordMachine::EmitRead(int slot, BootTime now) {
  call_slot_ = slot;
  call_started_ = now;
  return ReadAction{.name = slot_at(slot).name, .deadline = CallDeadline(now)};
}

Action RecordMachine::EmitWrite(WriteKind kind, int slot, Record record, BootTime now) {
  call_slot_ = slot;
  call_started_ = now;
  write_kind_ = kind;
  write_record_ = std::move(record);
  write_expected_ = slot_at(slot).observation.last().version;
  return WriteAction{.name = slot_at(slot).name,
                     .expected = write_expected_,
                     .record = write_record_,
                     .deadline = CallDeadline(now)};
}

Action RecordMachine::Finish(Outcome outcome, Error error) {
  done_ = DoneAction{.outcome = outcome, .error = std::move(error)};
  return *done_;
}

BootTime RecordMachine::CallDeadline(BootTime now) const {
  const BootTime attempt = now + claim_.times.attempt;
  if (state_ == State::kEnding) return std::min(attempt, end_by_);
  if (state_ == State::kHolding && told_) return std::min(attempt, proof_ + claim_.times.term);
  return attempt;
}

void RecordMachine::OnFailure(const Error& error, BootTime received, bool writing) {
  last_error_ = error;
  write_failing_ = writing;
  if (backoff_ == nanoseconds(0)) failing_since_ = call_started_;
  if (error.code != ErrorCode::kDenied) denied_since_.reset();
  if (error.code == ErrorCode::kDenied && !denied_since_) denied_since_ = received;
  backoff_ = NextBackoff(backoff_, claim_.times.attempt);
  retry_at_ = received + backoff_;
  if (!IsPermanent(error.code)) return;

  const bool replaced = error.code == ErrorCode::kStoreReplaced;
  switch (state_) {
    case State::kSeeking:
      // Who waits was allowed to: an API server that starts refuses until it knows its rules.
      if (error.code == ErrorCode::kDenied && !waiting_for_.empty() &&
          received < *denied_since_ + claim_.store_timeout) {
        return;
      }
      Finish(unresolved_ ? Outcome::kUnknown : Outcome::kFailed, error);
      return;
    case State::kHolding:
      // Rights may come back before the tenure ends; without a tenure there is nothing to keep.
      if (replaced && told_) Lose({.detail = error.message, .over = true});
      if (!told_) Finish(replaced ? Outcome::kFailed : Outcome::kUnknown, error);
      return;
    case State::kEnding:
      if (replaced && told_) Lose({.detail = error.message, .over = true});
      if (replaced && !told_) Finish(Outcome::kFailed, error);
      return;
    case State::kLost: return;
  }
}

// A store that answers reads and fails writes (a full disk) is not yet in contact again.
void RecordMachine::OnContact(bool writing) {
  if (write_failing_ && !writing) return;
  write_failing_ = false;
  denied_since_.reset();
  retry_at_ = {};
  backoff_ = nanoseconds(0);
}

bool RecordMachine::IsMine(const Snapshot& snapshot) const {
  return snapshot.exists() && snapshot.record.holder.instance == claim_.holder.instance;
}

}  // namespace monopod::protocol
