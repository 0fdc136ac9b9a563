#include "src/protocol/record_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/lock_name.h"

namespace monopod::protocol {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kFirstBackoff = std::chrono::milliseconds(20);

// What will not go away by trying again.
bool IsPermanent(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kIndeterminate:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kConflict: return false;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kDenied:
    case ErrorCode::kNotHolder:
    case ErrorCode::kStoreReplaced:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound:
    case ErrorCode::kInternal: return true;
  }
  return true;
}

// RecordStore::Write: after these codes the write has not landed and never will.
bool NeverLanded(ErrorCode code) {
  return code == ErrorCode::kConflict || (IsPermanent(code) && code != ErrorCode::kInternal);
}

}  // namespace

RecordMachine::RecordMachine(Claim claim, NonceSource nonces)
    : claim_(std::move(claim)), nonces_(std::move(nonces)) {
  slots_.push_back({.name = SlotRecordName(claim_.lock, 0)});
}

Action RecordMachine::Next(Moment now) {
  if (!last_contact_) last_contact_ = now.boot;
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
  if (!reply) {
    OnFailure(reply.error(), received.boot, false);
    if (state_ == State::kSeeking && IsPermanent(reply.error().code)) {
      Finish(unresolved_ ? Outcome::kUnknown : Outcome::kFailed, reply.error());
    } else if (state_ == State::kHolding && reply.error().code == ErrorCode::kStoreReplaced) {
      Lose({.detail = reply.error().message, .over = true});
    }
    return;
  }
  OnContact(received.boot, false);
  Slot& slot = slot_at(call_slot_);
  slot.observation.Saw(*reply, received.boot);
  slot.fresh = true;
  if (call_slot_ != slot_) return;
  if (state_ == State::kEnding) EndingRead(*reply);
  else HoldingRead(*reply);
}

void RecordMachine::OnWrite(const Result<Written>& reply, Moment sent, Moment received) {
  const bool own_hold = write_kind_ == WriteKind::kClaim || write_kind_ == WriteKind::kRenew;
  if (write_kind_ == WriteKind::kCredit) slot_at(call_slot_).credit_tried = true;
  if (reply) {
    OnContact(received.boot, true);
    contacted_ = true;
    slot_at(call_slot_).observation.Saw(
        {.version = reply->version, .record = write_record_, .next_token = reply->next_token},
        received.boot);
    if (own_hold) ClaimLanded(write_record_, sent.boot);
    if (write_kind_ == WriteKind::kFree) {
      if (told_ && ending_as_ == Outcome::kReleased) {
        events_.push_back({.kind = EventKind::kReleased, .slot = slot_, .token = token_});
      }
      Finish(ending_as_);
    }
    if (write_kind_ == WriteKind::kFence) Finish(ending_as_);
    return;
  }

  const ErrorCode code = reply.error().code;
  if (code == ErrorCode::kConflict) {
    OnContact(received.boot, true);
    // A smaller number of slots may be why; only the slot-0 record says so.
    for (Slot& slot : slots_) slot.fresh = false;
  } else {
    OnFailure(reply.error(), received.boot, true);
  }
  if (!NeverLanded(code)) {
    slot_at(call_slot_).fresh = false;
    if (own_hold) attempts_[write_record_.stamp] = sent.boot;
    if (write_kind_ == WriteKind::kClaim) {
      unresolved_ = true;
      unresolved_version_ = write_expected_;
    }
    free_unknown_ = free_unknown_ || write_kind_ == WriteKind::kFree;
  }
  must_read_ = slot_ >= 0;
  if (state_ == State::kSeeking) {
    if (!unresolved_) slot_ = -1;
    if (IsPermanent(code)) {
      Finish(unresolved_ ? Outcome::kUnknown : Outcome::kFailed, reply.error());
    }
  } else if (state_ == State::kHolding && code == ErrorCode::kStoreReplaced) {
    Lose({.detail = reply.error().message, .over = true});
  }
}

void RecordMachine::OnAwaited() {
  for (Slot& slot : slots_) slot.fresh = false;
}

void RecordMachine::Stop(BootTime end_by) {
  if (state_ == State::kEnding || done_) return;
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
}

std::optional<Tenure> RecordMachine::tenure() const {
  if (!told_) return std::nullopt;
  return Tenure{.proof = proof_, .times = claim_.times};
}

Action RecordMachine::EmitRead(int slot, BootTime now) {
  call_slot_ = slot;
  return ReadAction{.name = slot_at(slot).name, .deadline = CallDeadline(now)};
}

Action RecordMachine::EmitWrite(WriteKind kind, int slot, Record record, BootTime now) {
  call_slot_ = slot;
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
  backoff_ = std::clamp<nanoseconds>(2 * backoff_, kFirstBackoff, claim_.times.attempt / 2);
  retry_at_ = received + backoff_;
}

// A store that answers reads and fails writes (a full disk) is not yet in contact again.
void RecordMachine::OnContact(BootTime received, bool writing) {
  if (write_failing_ && !writing) return;
  write_failing_ = false;
  last_contact_ = received;
  retry_at_ = {};
  backoff_ = nanoseconds(0);
}

bool RecordMachine::IsMine(const Snapshot& snapshot) const {
  return snapshot.exists() && snapshot.record.holder.instance == claim_.holder.instance;
}

}  // namespace monopod::protocol
