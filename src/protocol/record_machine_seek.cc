// Seeking: from the first read to the write that claims a slot, or to giving up.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "src/base/duration.h"
#include "src/base/lock_name.h"
#include "src/protocol/backoff.h"
#include "src/protocol/record_machine.h"

namespace monopod::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A change notification is a hint that a store may fail to give; after this long the machine
// looks again by itself.
constexpr nanoseconds kLongestAwait = std::chrono::seconds(10);

}  // namespace

Action RecordMachine::NextSeeking(Moment now) {
  if (StoreTimedOut(now)) return unresolved_ ? GiveUp(now) : FailUnavailable(now);
  // Even without time to wait one look is taken, and one claim tried.
  const bool time_is_up = claim_.give_up_at && now.boot >= *claim_.give_up_at;
  // Who was faster is worth a read; it may have been this claim's own write.
  const bool lost_race = unresolved_ && unresolved_version_.empty() && backoff_ == nanoseconds(0);
  if (time_is_up && !lost_race && (looked_ || (contacted_ && backoff_ > nanoseconds(0)))) {
    // Nobody can say that it is busy: the right to look was taken away.
    if (denied_since_ && !unresolved_) return Finish(Outcome::kFailed, last_error_);
    return GiveUp(now);
  }
  if (now.boot < retry_at_) {
    return IdleAction{std::min(retry_at_, claim_.give_up_at.value_or(BootTime::max()))};
  }
  if (auto refresh = NextRefresh(now)) return *std::move(refresh);

  std::optional<Chance> best;
  int best_slot = 0;
  for (int slot = 0; slot < static_cast<int>(slots_.size()); ++slot) {
    const auto chance = ChanceOf(slot_at(slot), now);
    if (!chance || chance->claimable_at > now.boot || !IsInTime(*chance)) continue;
    TakeTurn(slot_at(slot), now.boot);
    if (MustLetOthersGoFirst(slot_at(slot), now.boot)) continue;
    if (best && best->work_may_begin <= chance->work_may_begin) continue;
    best = chance;
    best_slot = slot;
  }
  if (best) return ClaimSlot(best_slot, *best, now);
  return MayStillWait(now) ? AwaitSlots(now) : GiveUp(now);
}

// Brings what is known up to date, one call at a time; claims the first clean slot on the way.
std::optional<Action> RecordMachine::NextRefresh(Moment now) {
  if (unresolved_) {
    // Until its fate is known this claim is bound to its slot: two could be won otherwise.
    if (!slot_at(slot_).fresh) return EmitRead(slot_, now.boot);
    // The record is as it was, so the chance is, too.
    return ClaimSlot(slot_, chance_, now);
  }
  if (auto action = ReadOrPrepare(0, now)) return action;
  if (auto error = CheckSlots(slot_at(0).observation.last().record)) {
    return Finish(Outcome::kFailed, *std::move(error));
  }
  known_slots_ = slot_at(0).observation.last().record.slots;
  const int count = SlotsToUse();
  if (static_cast<int>(slots_.size()) != count) {
    const auto known = static_cast<int>(slots_.size());
    slots_.resize(static_cast<std::size_t>(count));
    for (int slot = known; slot < count; ++slot) {
      slot_at(slot).name = SlotRecordName(claim_.lock, slot);
    }
    home_ = static_cast<int>(std::hash<std::string>{}(claim_.holder.instance) %
                             static_cast<std::size_t>(count));
  }
  for (int i = 0; i < count; ++i) {
    const int slot = (home_ + i) % count;
    if (auto action = ReadOrPrepare(slot, now)) return action;
    const auto chance = ChanceOf(slot_at(slot), now);
    if (!chance || !chance->clean || chance->claimable_at > now.boot) continue;
    TakeTurn(slot_at(slot), now.boot);
    if (!MustLetOthersGoFirst(slot_at(slot), now.boot)) return ClaimSlot(slot, *chance, now);
  }
  return std::nullopt;
}

std::optional<Action> RecordMachine::ReadOrPrepare(int slot, Moment now) {
  if (!slot_at(slot).fresh) return EmitRead(slot, now.boot);
  const Snapshot& snapshot = slot_at(slot).observation.last();
  if (!snapshot.exists() || snapshot.record.phase == Phase::kRetired) return Prepare(slot, now);
  return std::nullopt;
}

// A missing record is first made free and then claimed, since on some stores only an existing
// one gives a token. Work that is known to outlive a deleted record is handed on as owed.
Action RecordMachine::Prepare(int slot, Moment now) {
  const Observation& observation = slot_at(slot).observation;
  Record record;
  if (observation.last().exists()) {
    record = observation.last().record;
    record.credit = milliseconds(0);
  } else {
    record.origin = nonces_();
    record.owed_kill = observation.debt_kill();
    if (record.owed_kill > milliseconds(0)) {
      record.credit = std::chrono::floor<milliseconds>(now.boot - observation.debt_since());
    }
    if (slot == 0) record.slots = claim_.slots.value_or(std::max(known_slots_, 1));
  }
  record.phase = Phase::kFree;
  record.stamp = record.edit = nonces_();
  return EmitWrite(WriteKind::kPrepare, slot, std::move(record), now.boot);
}

std::optional<Error> RecordMachine::CheckSlots(const Record& first) const {
  if (!claim_.slots || first.slots == 0 || *claim_.slots == first.slots ||
      *claim_.slots == first.resize_to) {
    return std::nullopt;
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the lock \"{}\" has {} slot{}, not {}: ask for {}, leave the number "
                           "out, or change the lock with `monopod resize {} --slots {}`",
                           claim_.lock, first.slots, first.slots == 1 ? "" : "s", *claim_.slots,
                           first.slots, claim_.lock, *claim_.slots)};
}

int RecordMachine::SlotsToUse() const {
  const Record& first = slot_at(0).observation.last().record;
  // Whoever gets slot 0 fixes the number; before that no other slot can be relied on.
  if (first.slots == 0) return 1;
  const int count = first.resize_to > 0 ? std::min(first.slots, first.resize_to) : first.slots;
  return std::clamp(count, 1, kMaxSlots);
}

std::optional<RecordMachine::Chance> RecordMachine::ChanceOf(const Slot& slot, Moment now) const {
  const Observation& seen = slot.observation;
  if (!seen.saw_anything() || !seen.last().exists()) return std::nullopt;
  const Record& record = seen.last().record;
  if (record.phase == Phase::kRetired) return std::nullopt;

  Chance chance{.claimable_at = BootTime::min(),
                .work_may_begin = BootTime::min(),
                .counted_from = seen.silent_since(),
                .owed_kill = OutstandingKill(record),
                .clean = record.phase == Phase::kFree && record.owed_kill == milliseconds(0)};
  if (IsClaimed(record)) {
    const auto ttl = StaleAfter(seen);
    if (!ttl) return std::nullopt;
    chance.claimable_at =
        seen.silent_since() + SilenceToTakeOver(std::chrono::ceil<milliseconds>(*ttl));
    chance.work_may_begin = chance.claimable_at;
  }
  if (!chance.clean) {
    chance.work_may_begin =
        std::max(chance.work_may_begin, seen.silent_since() + RecoveryTime(chance.owed_kill));
  }
  const BootTime debt_over = seen.debt_since() + RecoveryTime(seen.debt_kill());
  if (seen.debt_kill() > milliseconds(0) && debt_over > now.boot) {
    chance.clean = false;
    chance.owed_kill = std::max(chance.owed_kill, seen.debt_kill());
    chance.work_may_begin = std::max(chance.work_may_begin, debt_over);
    chance.counted_from = std::max(chance.counted_from, seen.debt_since());
  }
  if (!chance.clean) chance.work_may_begin += claim_.lock_delay;
  if (!claim_.recovery_delay) chance.work_may_begin = chance.claimable_at;
  return chance;
}

// How long a claimed record must be silent before it may be taken over; nothing if silence never
// suffices.
std::optional<nanoseconds> RecordMachine::StaleAfter(const Observation& seen) const {
  const Record& record = seen.last().record;
  if (record.kind == HoldKind::kSticky) return std::nullopt;
  if (!record.foreign) return record.ttl;
  nanoseconds ttl = std::max(nanoseconds(record.ttl), claim_.foreign_ttl.value_or(nanoseconds(0)));
  if (record.holder.name.empty()) {
    // Nobody says that the work is over, nor whose hold was blanked: it may be any that was seen.
    ttl = std::max<nanoseconds>(ttl, seen.longest_ttl());
    if (!claim_.foreign_ttl) ttl = std::max<nanoseconds>(ttl, kBlankedTtl);
  }
  return ttl > nanoseconds(0) ? std::optional(ttl) : std::nullopt;
}

// A state that the store told without being asked. It is as good as a read: a claim is conditioned
// on its version.
void RecordMachine::News(Slot& slot, const Snapshot& snapshot, BootTime received) {
  slot.observation.Saw(snapshot, received);
  slot.fresh = true;
  if (&slot != slots_.data() && snapshot.record.phase == Phase::kRetired) slot_at(0).fresh = false;
  if (IsClaimed(snapshot.record)) {
    if (slot.freed) crowd_.SomebodyElseClaimed(received - *slot.freed);
    slot.freed.reset();
  } else if (!slot.freed) {
    slot.freed = received;
  }
}

// All who wait learn of a chance at the same time. The time to wait is not spent on courtesy.
void RecordMachine::TakeTurn(Slot& slot, BootTime now) {
  const Version& version = slot.observation.last().version;
  if (!told_of_changes_ || !claim_.wait_for_live_holder) return;
  if (slot.turn && slot.turn_version == version) return;
  if (claim_.give_up_at && now + crowd_.Window() >= *claim_.give_up_at) return;
  slot.turn = now + crowd_.Delay(nonces_());
  slot.turn_version = version;
}

bool RecordMachine::MustLetOthersGoFirst(const Slot& slot, BootTime now) const {
  return slot.turn && *slot.turn > now && slot.turn_version == slot.observation.last().version;
}

Action RecordMachine::ClaimSlot(int slot, const Chance& chance, Moment now) {
  const Snapshot& snapshot = slot_at(slot).observation.last();
  const Record& before = snapshot.record;
  if (!unresolved_) {
    previous_ = snapshot;
    stale_.reset();
    if (IsClaimed(before)) {
      const nanoseconds silence = now.boot - slot_at(slot).observation.silent_since();
      stale_ = Event{
          .kind = EventKind::kStale,
          .slot = slot,
          .owner = before.holder,
          .owner_since = before.acquired,
          .owner_renewed = before.renewed,
          .duration = std::min(silence, nanoseconds(kMaxTtl * 2)),
          .detail = silence >= kCertainlyOver
                        ? "held by a process of an earlier boot of this machine"
                        : fmt::format(
                              "silent for {}, its TTL is {}", FormatDuration(silence),
                              FormatDuration(
                                  StaleAfter(slot_at(slot).observation).value_or(nanoseconds(0))))};
    }
  }
  looked_ = true;
  slot_ = slot;
  slot_at(slot).freed.reset();
  chance_ = chance;
  token_ = snapshot.next_token;

  Record record = before;
  const bool begins = now.boot >= chance.work_may_begin;
  record.phase = begins ? Phase::kHeld : Phase::kRecovering;
  record.kind = claim_.kind == HoldKind::kSticky ? HoldKind::kDetached : claim_.kind;
  record.foreign = false;
  record.holder = claim_.holder;
  record.token = token_;
  record.stamp = record.edit = nonces_();
  if (record.origin.empty()) record.origin = nonces_();
  record.ttl = claim_.times.ttl;
  record.kill = claim_.times.kill;
  record.owed_kill = begins ? milliseconds(0) : chance.owed_kill;
  record.credit = milliseconds(0);
  record.acquired = record.renewed = now.wall;
  if (begins) record.note.clear();
  if (slot == 0 && record.slots == 0) record.slots = claim_.slots.value_or(1);
  return EmitWrite(WriteKind::kClaim, slot, std::move(record), now.boot);
}

// By the stored times, which only hint: never a reason to take over.
bool RecordMachine::LooksExpired(const Slot& slot, Moment now) const {
  const Record& record = slot.observation.last().record;
  if (!IsClaimed(record)) return false;
  const nanoseconds ttl = StaleAfter(slot.observation).value_or(nanoseconds(record.ttl));
  return record.renewed + std::chrono::floor<std::chrono::microseconds>(ttl) < now.wall;
}

bool RecordMachine::MayStillWait(Moment now) const {
  if (claim_.wait_for_live_holder) return !claim_.give_up_at || now.boot < *claim_.give_up_at;
  return std::ranges::any_of(slots_, [&](const Slot& slot) {
    // A sign of life outweighs the stored times, which are as wrong as somebody's wall clock.
    return ChanceOf(slot, now) && LooksExpired(slot, now) && !slot.observation.changed();
  });
}

// Until somebody was seen to hold the lock, and when nobody is to be waited for, an outage has its
// own limit; later ones use up the waiting time. A claim of unknown fate is not abandoned just
// because the waiting time is over.
bool RecordMachine::StoreTimedOut(Moment now) const {
  if (backoff_ == nanoseconds(0)) return false;
  if (contacted_ && claim_.wait_for_live_holder) return false;
  const bool time_is_up = claim_.give_up_at && now.boot >= *claim_.give_up_at;
  return (time_is_up && !unresolved_) || now.boot >= failing_since_ + claim_.store_timeout;
}

Action RecordMachine::FailUnavailable(Moment now) {
  if (IsPermanent(last_error_.code)) return Finish(Outcome::kFailed, last_error_);
  return Finish(Outcome::kFailed,
                {ErrorCode::kUnavailable,
                 fmt::format("the store failed for {}: {}",
                             FormatDuration(now.boot - failing_since_), last_error_.message)});
}

// A recovery that cannot be waited out is not begun: watching goes on meanwhile, and its length is
// left as credit.
bool RecordMachine::IsInTime(const Chance& chance) const {
  return !claim_.give_up_at || chance.work_may_begin <= *claim_.give_up_at;
}

Action RecordMachine::AwaitSlots(Moment now) {
  looked_ = contacted_ = true;
  AwaitAction await{.until = now.boot + kLongestAwait};
  std::string owners;
  bool turn_comes = false;
  for (const Slot& slot : slots_) {
    const Snapshot& last = slot.observation.last();
    await.seen.push_back({.name = slot.name, .version = last.version});
    owners += last.record.holder.instance + last.record.holder.name + ' ';
    const auto chance = ChanceOf(slot, now);
    if (chance && chance->claimable_at > now.boot) {
      await.until = std::min(await.until, chance->claimable_at);
    }
    if (MustLetOthersGoFirst(slot, now.boot)) {
      await.until = std::min(await.until, *slot.turn);
      turn_comes = true;
    }
  }
  if (claim_.give_up_at) await.until = std::min(await.until, *claim_.give_up_at);
  if (turn_comes || owners == waiting_for_) return await;
  waiting_for_ = std::move(owners);
  // Told first; the next call finds the slots as fresh as now and awaits.
  TellOwner(EventKind::kWaiting, now);
  return Next(now);
}

// Tells of the holder that was silent for longest: it is the one that decides how long it takes.
void RecordMachine::TellOwner(EventKind kind, Moment now) {
  const Slot* owner = nullptr;
  for (const Slot& slot : slots_) {
    if (!slot.observation.saw_anything() || !IsClaimed(slot.observation.last().record) ||
        IsMine(slot.observation.last())) {
      continue;
    }
    if (owner == nullptr || slot.observation.silent_since() < owner->observation.silent_since()) {
      owner = &slot;
    }
  }
  Event event{.kind = kind};
  if (owner == nullptr) {
    const bool owes = std::ranges::any_of(slots_, [](const Slot& slot) {
      return slot.observation.saw_anything() &&
             slot.observation.last().record.owed_kill > milliseconds(0);
    });
    if (owes) event.detail = "earlier work may still run";
  } else {
    const Record& record = owner->observation.last().record;
    event.slot = ParseSlotRecordName(owner->name).slot;
    event.owner = record.holder;
    event.owner_since = record.acquired;
    event.owner_renewed = record.renewed;
    event.duration = now.boot - owner->observation.silent_since();
    if (record.foreign) {
      event.detail = record.holder.name.empty()
                         ? "the holder was blanked by something that is not monopod"
                         : "the holder is not monopod";
    }
    if (record.phase == Phase::kRecovering) event.detail = "the holder waits for earlier work";
  }
  events_.push_back(std::move(event));
}

Action RecordMachine::GiveUp(Moment now) {
  TellOwner(EventKind::kSkipped, now);
  Stop(now.boot + claim_.store_timeout);
  return Next(now);
}

// Observers that do not live as long as a TTL leave what they saw to the next one.
bool RecordMachine::DeservesCredit(const Slot& slot, Moment now) const {
  if (slot.credit_tried || !slot.observation.saw_anything()) return false;
  const Snapshot& last = slot.observation.last();
  if (!last.exists() || last.record.foreign || last.known_silence > nanoseconds(0)) return false;
  const bool owes = last.record.phase == Phase::kFree && last.record.owed_kill > milliseconds(0);
  const bool claimed = IsClaimed(last.record) && last.record.kind != HoldKind::kSticky;
  if (!owes && !claimed) return false;
  const nanoseconds silence = now.boot - slot.observation.silent_since();
  return silence > last.record.credit + milliseconds(1) &&
         (owes || LooksExpired(slot, now) || silence >= last.record.ttl / 2);
}

Action RecordMachine::NextCreditOrDone(Moment now) {
  for (int slot = 0; slot < static_cast<int>(slots_.size()) && now.boot < end_by_; ++slot) {
    if (!DeservesCredit(slot_at(slot), now)) continue;
    const Observation& seen = slot_at(slot).observation;
    Record record = seen.last().record;
    record.edit = nonces_();
    record.credit = std::chrono::floor<milliseconds>(now.boot - seen.silent_since());
    return EmitWrite(WriteKind::kCredit, slot, std::move(record), now.boot);
  }
  return Finish(Outcome::kNotAcquired);
}

}  // namespace monopod::protocol
