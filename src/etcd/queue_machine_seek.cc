// Queueing: from the lease to the turn, or to giving up.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/etcd/queue_machine.h"

namespace monopod::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Stands in the tail when the youngest claim is not known.
constexpr std::string_view kUnknownTail = "?";
// A claim that lasts so long watches its own key, too, and is told who holds the lock: short ones
// are spared both, and the second makes the server read the queue.
constexpr milliseconds kWatchCloselyAfter(500);
// A transaction has at most 128 operations.
constexpr std::size_t kMostTidied = 50;
constexpr std::chrono::seconds kShortLease(15);

bool SameWatch(const LockKeys::Bounds& a, const LockKeys::Bounds& b) {
  return a.begin == b.begin && a.end == b.end;
}

}  // namespace

Action QueueMachine::NextQueued(Moment now) {
  if (!contacted_ && backoff_ > nanoseconds(0) && now.boot >= ContactBy()) {
    const bool full = last_error_.code == ErrorCode::kOutOfSpace;
    Fail({full ? ErrorCode::kOutOfSpace : ErrorCode::kUnavailable,
          fmt::format("etcd could not be used in time: {}", last_error_.message)});
    return Next(now);
  }
  const bool time_is_up = claim_.give_up_at && now.boot >= *claim_.give_up_at;
  if (time_is_up && contacted_ && backoff_ > nanoseconds(0)) return GiveUp(now);
  if (now.boot < retry_at_) {
    const BootTime limit = contacted_ ? claim_.give_up_at.value_or(BootTime::max()) : ContactBy();
    return AwaitAction{limit > now.boot ? std::min(retry_at_, limit) : retry_at_};
  }
  if (position_lost_ && tainted_) {
    // A claim of the old ID may still land: not once its lease is gone.
    return RevokeAction{.lease = lease_.id, .deadline = CallDeadline(now.boot)};
  }
  if (position_lost_) {
    // What it carries its marker goes on to tell.
    const bool carries = now.boot < not_before_;
    return Transact(Call::kRequeue,
                    carries
                        ? DropMemberTransaction(keys_, own_)
                        : GiveUpTransaction(keys_, own_, {.alone = false, .marker = OwnMarker()}),
                    now);
  }
  if (lease_.id == kNoLease) {
    lease_.asked = true;
    return GrantAction{.ttl = lease_.ttl, .deadline = CallDeadline(now.boot)};
  }
  if (own_.token == 0) return NextClaim(now);
  if (auto action = NextKeepAlive(now)) return *std::move(action);
  if (auto action = NextKnowledge(now)) return *std::move(action);
  return NextTurn(now);
}

Action QueueMachine::NextClaim(Moment now) {
  if (auto error = slots_mod_ != 0 ? CheckSlots(slots_.slots) : std::nullopt) {
    Fail(*std::move(error));
    return Next(now);
  }
  own_.id = MakeId(lease_.id, claim_.holder.instance);
  rule_slots_ = slots_.slots;
  const bool first_use = slots_mod_ == 0 && slots_.slots > 1;
  if (acquired_ == WallTime{}) acquired_ = now.wall;
  claim_request_ = {.id = own_.id,
                    .lease = lease_.id,
                    .member = OwnMember(MemberPhase::kQueued, now),
                    .marker = OwnMarker(),
                    .slots_mod = slots_mod_,
                    .first_use = first_use};
  return Transact(Call::kClaim, ClaimTransaction(keys_, claim_request_), now);
}

void QueueMachine::ClaimAnswered(const TransactionReply& reply, BootTime sent) {
  ClaimReply claim = ReadClaimReply(reply, claim_request_);
  const auto in_queue = [&](Revision token) {
    own_.token = own_.member_mod = token;
    member_lease_ = lease_.id;
    proof_ = sent;
    watch_closely_at_ = sent + kWatchCloselyAfter;
  };
  if (claim.claimed) {
    in_queue(reply.revision);
    scan_needed_ =
        claim_request_.marker.slots > 1 || claim.old_tail == kUnknownTail || !claim.foreign.empty();
    if (!claim.old_tail.empty() && claim.old_tail != kUnknownTail) {
      older_.push_back({.id = claim.old_tail});
    }
    TakeForeign(claim.foreign);
    older_complete_ = claim.old_tail.empty() && claim_request_.marker.slots == 1;
    looked_ = older_.empty() && !scan_needed_;
    if (claim_request_.first_use) slots_mod_ = reply.revision;
    return;
  }
  if (claim.own_marker) {
    // A claim whose answer was lost had landed; what was ahead of it only a look tells. Its proof
    // is the first that lands from here on.
    in_queue(claim.own_marker->create_revision);
    proof_ = {};
    scan_needed_ = true;
    return;
  }
  if (!claim.slots && !claim.tail_exists) {
    // Nobody uses it, and the number that was said is gone.
    slots_ = {.slots = claim_.slots.value_or(1)};
    slots_mod_ = 0;
    return;
  }
  if (!claim.slots && claim_request_.first_use) {
    // In use by its first users, with the one slot that nobody needs to say.
    if (auto error = CheckSlots(1)) Fail(std::move(*error));
    return;
  }
  if (!TakeSlots(claim.slots)) return;
  if (auto error = CheckSlots(slots_.slots)) Fail(std::move(*error));
}

std::optional<Error> QueueMachine::CheckSlots(int has) const {
  if (!claim_.slots || *claim_.slots == has) return std::nullopt;
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the lock \"{}\" has {} slot{}, not {}: ask for {}, leave the number "
                           "out, or change the lock with `monopod resize {} --slots {}`",
                           claim_.lock, has, has == 1 ? "" : "s", *claim_.slots, has, claim_.lock,
                           *claim_.slots)};
}

// Brings what is known up to date: first the watches, then a look, so that nothing happens unseen.
std::optional<Action> QueueMachine::NextKnowledge(Moment now) {
  if (confirm_at_ != BootTime{} && now.boot >= confirm_at_) {
    confirm_at_ = {};
    scan_needed_ = true;
  }
  const bool ahead =
      !older_.empty() || !foreign_.empty() || scan_needed_ || !ended_foreign_.empty();
  if (!ahead) return std::nullopt;
  if (auto action = Watch(WantedWatches(now.boot), now)) {
    look_needed_ = look_needed_ || scan_needed_ || AheadCount(now.boot) > 0;
    return action;
  }
  const bool time_is_up = claim_.give_up_at && now.boot >= *claim_.give_up_at;
  if (look_needed_ && started_.size() < watched_.size() && now.boot < watch_patience_ &&
      !time_is_up) {
    return AwaitAction{std::min(watch_patience_, claim_.give_up_at.value_or(BootTime::max()))};
  }
  const bool by_rank = rule_slots_ > 1 || !foreign_.empty();
  if (look_needed_ || (now.boot >= look_at_ && (!older_.empty() || !foreign_.empty()))) {
    const Older* youngest = YoungestAlive();
    if (by_rank || youngest == nullptr) {
      scan_needed_ = true;
    } else if (!scan_needed_) {
      return Transact(Call::kLook, LookTransaction(keys_, own_, youngest->id), now);
    }
  }
  if (scan_needed_) return Transact(Call::kScan, ScanTransaction(keys_, own_), now);
  const auto unknown = std::ranges::find_if(
      foreign_, [](const auto& one) { return !one.second.granted.has_value(); });
  const std::optional<LeaseId> lease =
      unknown != foreign_.end() ? std::optional(unknown->second.lease)
      : !ended_foreign_.empty() ? std::optional(ended_foreign_.back().lease)
                                : std::nullopt;
  if (lease) return AskLeaseAction{.lease = *lease, .deadline = CallDeadline(now.boot)};
  return std::nullopt;
}

// Nothing if that is what is watched.
std::optional<Action> QueueMachine::Watch(std::vector<LockKeys::Bounds> wanted, Moment now) {
  if (std::ranges::equal(wanted, watched_, SameWatch)) return std::nullopt;
  std::erase_if(started_, [&](const std::string& key) {
    return std::ranges::find(wanted, key, &LockKeys::Bounds::begin) == wanted.end();
  });
  watch_patience_ = now.boot + claim_.times.attempt;
  watched_ = wanted;
  return WatchAction{std::move(wanted)};
}

std::vector<LockKeys::Bounds> QueueMachine::WantedWatches(BootTime now) {
  // The marker of a member that has just gone is being waited for.
  if (confirm_at_ != BootTime{}) return watched_;
  const LockKeys::Bounds own = LockKeys::One(keys_.Member(own_.id));
  if (rule_slots_ > 1) return {own, keys_.Queue(), keys_.Markers()};
  std::vector<LockKeys::Bounds> wanted;
  if (now >= watch_closely_at_) wanted.push_back(own);
  // A clean end tells by both. etcd puts a watch that is created while something is committed off
  // to its 100 ms catch-up loop (server/etcdserver/api/v3rpc/watch.go takes the revision before it
  // takes the lock), one in fifty under load, but hardly ever two.
  if (const Older* youngest = YoungestAlive()) {
    wanted.push_back(LockKeys::One(keys_.Member(youngest->id)));
    wanted.push_back(LockKeys::One(keys_.Marker(youngest->id)));
  }
  if (!foreign_.empty()) wanted.push_back(keys_.Foreign());
  return wanted;
}

// Everything that can be known is.
Action QueueMachine::NextTurn(Moment now) {
  const bool by_rank = rule_slots_ > 1;
  const int ahead = AheadCount(now.boot);
  const bool my_turn = by_rank ? ahead < slots_.slots : ahead == 0;
  if (!my_turn || now.boot < not_before_ || confirm_at_ != BootTime{}) return AwaitTurn(now);
  TellStale(now);
  if (!events_.empty()) return Next(now);
  finished_.clear();
  for (const Older& older : older_) {
    if (older.alive || OverAt(older) > now.boot || finished_.size() >= kMostTidied) continue;
    if (older.marker.state == MarkerState::kLive && !by_rank) {
      taken_from_ = Event{.owner = older.marker.holder,
                          .owner_renewed = older.member.renewed,
                          .detail = older.marker.note};
    }
    finished_.push_back({.id = older.id, .mod = older.marker_mod});
  }
  const LeaseId lease = HoldingLease();
  const bool says_held = phase_ == MemberPhase::kHeld;
  // The answer of a new proof comes sooner than either: attempt <= T/5 and 2 attempt <= term.
  const bool stale = now.boot - proof_ > std::min(claim_.times.ttl / 4, claim_.times.term / 2);
  // Who had to wait with nobody ahead may not have watched its own key.
  const bool waited_alone = proof_ < not_before_;
  // A write of unknown fate may move the member to another lease after this moment.
  const bool must_write = !finished_.empty() || stale || waited_alone || !attempts_.empty() ||
                          member_lease_ != lease || phase_ == MemberPhase::kWaiting ||
                          (by_rank && !says_held);
  if (must_write) return Prove(MemberPhase::kHeld, lease, now);
  return TellHeld(now);
}

Action QueueMachine::AwaitTurn(Moment now) {
  // Even without time to wait one look is taken.
  if (looked_ && claim_.give_up_at && now.boot >= *claim_.give_up_at) return GiveUp(now);
  const bool live = YoungestAlive() != nullptr || !foreign_.empty();
  if (live && !claim_.wait_for_live_holder && confirm_at_ == BootTime{}) return GiveUp(now);
  if (!live && confirm_at_ == BootTime{}) {
    TellStale(now);
    TellRecovering(now);
  }
  if (!events_.empty()) return Next(now);
  const bool long_ttl = lease_.ttl > kShortLease;
  if (long_ttl && live && phase_ != MemberPhase::kWaiting) {
    if (short_lease_.id == kNoLease) {
      short_lease_.ttl = kShortLease;
      lease_.asked = false;
      return GrantAction{.ttl = kShortLease, .deadline = CallDeadline(now.boot)};
    }
    finished_.clear();
    return Prove(MemberPhase::kWaiting, short_lease_.id, now);
  }
  if (auto action = NextWaitingTold(now)) return *std::move(action);
  BootTime until = std::min(NextKeepAt(), NextOverAt(now.boot));
  if (claim_.give_up_at && *claim_.give_up_at > now.boot) {
    until = std::min(until, *claim_.give_up_at);
  }
  if (!older_.empty() || !foreign_.empty()) until = std::min(until, look_at_);
  if (now.boot < not_before_) until = std::min(until, not_before_);
  if (confirm_at_ != BootTime{}) until = std::min(until, confirm_at_);
  if (live && now.boot < watch_closely_at_) until = std::min(until, watch_closely_at_);
  return AwaitAction{until};
}

// Says who holds the lock, once it has been waited for a while.
std::optional<Action> QueueMachine::NextWaitingTold(Moment now) {
  const bool live = YoungestAlive() != nullptr || !foreign_.empty();
  if (waiting_told_ || !live || now.boot < watch_closely_at_) return std::nullopt;
  if (!owner_asked_) return Transact(Call::kWhoHolds, HolderTransaction(keys_), now);
  waiting_told_ = true;
  if (!owner_) return std::nullopt;
  events_.push_back(*owner_);
  events_.back().kind = EventKind::kWaiting;
  return Next(now);
}

void QueueMachine::TellStale(Moment now) {
  for (Older& older : older_) {
    if (older.alive || older.marker.state != MarkerState::kLive) continue;
    if (std::exchange(older.stale_told, true)) continue;
    events_.push_back({.kind = EventKind::kStale,
                       .token = static_cast<Token>(older.created),
                       .owner = older.marker.holder,
                       .owner_since = older.member.acquired,
                       .owner_renewed = older.member.renewed,
                       .duration = now.boot - older.counted_from,
                       .detail = older.marker.note.empty()
                                     ? "its key is gone and it did not say that its work is over"
                                     : older.marker.note});
  }
}

void QueueMachine::TellRecovering(Moment now) {
  const Older* longest = nullptr;
  for (const Older& older : older_) {
    if (older.alive || OverAt(older) <= now.boot) continue;
    if (longest == nullptr || OverAt(*longest) < OverAt(older)) longest = &older;
  }
  if (longest == nullptr || std::exchange(recovering_told_, true)) return;
  events_.push_back({.kind = EventKind::kRecovering,
                     .token = token(),
                     .owner = longest->marker.holder,
                     .duration = OverAt(*longest) - now.boot,
                     .detail = longest->marker.note});
}

// The wait is over, or there is a live holder and the caller does not wait for one.
Action QueueMachine::GiveUp(Moment now) {
  if (!owner_asked_ && own_.token != 0 && backoff_ == nanoseconds(0)) {
    return Transact(Call::kWhoHolds, HolderTransaction(keys_), now);
  }
  events_.push_back(owner_.value_or(Event{}));
  events_.back().kind = EventKind::kSkipped;
  Stop(now.boot + claim_.store_timeout);
  return Next(now);
}

// The place in the queue is lost and tidied away: begins anew. Whoever saw a hold still waits for
// it if its keys may have been wiped away together with the own ones.
void QueueMachine::Requeue(bool marker_stood, BootTime now) {
  if (!marker_stood) {
    wiped_token_ = own_.token;
    carried_kill_ = std::max(carried_kill_, seen_kill_);
    // Of a predecessor that was never read, as much as of the own claim.
    const auto unread = [](const Older& older) { return !older.marker_known; };
    if (std::ranges::any_of(older_, unread)) {
      carried_kill_ = std::max(carried_kill_, claim_.times.kill);
    }
    if (claim_.recovery_delay && carried_kill_ > milliseconds(0)) {
      not_before_ = std::max(not_before_, now + protocol::RecoveryTime(carried_kill_));
    }
  }
  for (Lease* lease : {&lease_, &short_lease_}) {
    if (lease->id == kNoLease) continue;
    retired_.push_back(
        {.id = lease->id, .reusable = false, .ttl = lease->ttl, .kept = lease->kept});
    lease->id = kNoLease;
  }
  own_ = {};
  tidy_later_.clear();
  older_.clear();
  older_complete_ = false;
  foreign_.clear();
  attempts_.clear();
  confirm_at_ = {};
  phase_ = MemberPhase::kQueued;
  position_lost_ = scan_needed_ = look_needed_ = looked_ = false;
}

// What stood ahead of the place that was wiped away, and had not been read by then.
void QueueMachine::CarryWiped(const KeyValue& ahead, BootTime received) {
  milliseconds kill(0);
  if (keys_.IdOfMember(ahead.key)) {
    kill = DecodeMember(ahead).value_or(MemberValue{}).kill;
  } else if (keys_.IdOfMarker(ahead.key)) {
    const auto marker = DecodeMarker(ahead).value_or(MarkerValue{});
    if (marker.state == MarkerState::kLive) kill = std::max(marker.kill, marker.owed);
  }
  if (!claim_.recovery_delay || kill == milliseconds(0)) return;
  carried_kill_ = std::max(carried_kill_, kill);
  not_before_ = std::max(not_before_, received + protocol::RecoveryTime(kill));
}

}  // namespace monopod::etcd
