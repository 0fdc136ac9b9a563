// Holding: proofs, loss, and the end of a claim.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/duration.h"
#include "src/etcd/queue_machine.h"
#include "src/protocol/backoff.h"

namespace monopod::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// The work of a holder whose key is gone goes on while it is asked why, but no longer than this.
constexpr milliseconds kAskWhyFor(250);
// A transaction has at most 128 operations.
constexpr std::size_t kMostTidied = 50;

}  // namespace

Action QueueMachine::NextHolding(Moment now) {
  LoseIfExpired(now.boot);
  if (state_ == State::kLost) return Next(now);
  if (position_lost_) {
    call_ = Call::kWhyLost;
    return TransactAction{
        .transaction = {.compares = {}, .then = {Range{.key = keys_.Marker(own_.id)}}},
        .deadline = std::min(now.boot + kAskWhyFor, CallDeadline(now.boot))};
  }
  const BootTime term_at = proof_ + claim_.times.term;
  if (now.boot < retry_at_) return AwaitAction{std::min(retry_at_, term_at)};
  // Proofs go first, but no renewal of the lease may be forgotten over them.
  const bool overdue = now.boot >= lease_.kept + nanoseconds(lease_.ttl) / 2;
  if (overdue) {
    if (auto action = NextKeepAlive(now)) return *std::move(action);
  }
  const BootTime renew_at = proof_ + claim_.times.renew -
                            protocol::RenewJitter(claim_.holder.instance, claim_.times.renew);
  if (now.boot >= renew_at || std::exchange(prove_now_, false)) {
    finished_.clear();
    return Prove(MemberPhase::kHeld, HoldingLease(), now);
  }
  if (auto action = NextKeepAlive(now)) return *std::move(action);
  const bool closely = now.boot >= watch_closely_at_;
  if (closely) {
    if (auto action = Watch({LockKeys::One(keys_.Member(own_.id))}, now)) return *std::move(action);
  }
  const BootTime look_up = closely ? BootTime::max() : watch_closely_at_;
  return AwaitAction{std::min({renew_at, NextKeepAt(), term_at, look_up})};
}

// Writes the own member. Only this, and only if it landed, extends a tenure.
Action QueueMachine::Prove(MemberPhase phase, LeaseId lease, Moment now) {
  MemberWrite write{.value = OwnMember(phase, now), .lease = lease, .slots_mod = {}};
  // Under a rank, a turn is one of the present number of slots only.
  if (!told_ && phase == MemberPhase::kHeld && rule_slots_ > 1) write.slots_mod = slots_mod_;
  attempts_[write.value.stamp] = now.boot;
  proving_ = phase;
  proving_lease_ = lease;
  return Transact(Call::kProve, ProveTransaction(keys_, own_, write, finished_), now);
}

void QueueMachine::ProveAnswered(const TransactionReply& reply, Moment sent, Moment received) {
  if (state_ == State::kLost) return;
  if (reply.succeeded) {
    phase_ = proving_;
    member_lease_ = proving_lease_;
    for (const FinishedMarker& gone : finished_) {
      std::erase_if(older_, [&](const Older& one) { return one.id == gone.id; });
    }
    finished_.clear();
    ProofLanded(sent.boot, reply.revision);
    return;
  }
  const OwnKeys own = ReadOwnKeys(reply);
  if (!own.member || own.member->create_revision != own_.token) {
    position_lost_ = true;
    return;
  }
  // A proof whose answer was lost may be what stands there: it counts from when *it* was sent.
  const auto member = DecodeMember(*own.member);
  const auto attempt = member ? attempts_.find(member->stamp) : attempts_.end();
  own_.member_mod = own.member->mod_revision;
  if (attempt != attempts_.end()) {
    phase_ = member->phase;
    member_lease_ = own.member->lease;
    ProofLanded(attempt->second, own_.member_mod);
  }
  // Something else that it was conditioned on has changed.
  if (!told_) scan_needed_ = true;
  if (told_ && attempt == attempts_.end()) retry_at_ = received.boot + claim_.times.attempt / 8;
}

void QueueMachine::ProofLanded(BootTime sent, Revision mod) {
  own_.member_mod = mod;
  proof_ = std::max(proof_, sent);
  attempts_.clear();
}

Action QueueMachine::TellHeld(Moment now) {
  told_ = true;
  state_ = State::kHolding;
  if (short_lease_.id != kNoLease) {
    retired_.push_back({.id = short_lease_.id,
                        .reusable = false,
                        .ttl = short_lease_.ttl,
                        .kept = short_lease_.kept});
    short_lease_.id = kNoLease;
  }
  Event event = taken_from_.value_or(Event{});
  event.kind = taken_from_ ? EventKind::kTakenOver : EventKind::kAcquired;
  event.token = token();
  event.duration = now.boot - proof_;
  return TellAction{std::move(event)};
}

// Checked before each answer is looked at, too: a proof that comes after `term` is too late.
void QueueMachine::LoseIfExpired(BootTime now) {
  if (state_ != State::kHolding || now < proof_ + claim_.times.term) return;
  Lose(fmt::format(
      "not renewed for {}: {}", FormatDuration(now - proof_),
      backoff_ > nanoseconds(0) ? last_error_.message : "no answer, or this process did not run"));
}

std::string QueueMachine::WhyLost(const TransactionReply& reply) const {
  const auto marker = ReadOwnKeys(reply).member;
  if (!marker) return "its keys are gone: somebody deleted them";
  const auto value = DecodeMarker(*marker);
  if (value && !value->note.empty()) return value->note;
  return "its key is gone: the lease expired or was revoked, or somebody deleted the key";
}

void QueueMachine::Lose(std::string detail) {
  if (state_ != State::kHolding) return;
  state_ = State::kLost;
  events_.push_back({.kind = EventKind::kLost, .token = token(), .detail = std::move(detail)});
}

Action QueueMachine::NextEnding(Moment now) {
  if (now.boot >= end_by_) {
    const std::string rest =
        claim_.kind == HoldKind::kSticky && told_
            ? "if it stands, only `monopod break` ends it"
            : "if it stands, it ends with its lease, after " + FormatDuration(claim_.times.ttl);
    return Finish(Outcome::kUnknown,
                  {ErrorCode::kIndeterminate,
                   fmt::format("etcd did not confirm the end of this claim in time ({}); {}",
                               last_error_.message, rest)});
  }
  if (now.boot < retry_at_) return IdleAction{std::min(retry_at_, end_by_)};
  // Whoever comes next must wait for what this claim had to wait for; and a full store takes
  // nothing.
  const bool warns = now.boot < not_before_ || out_of_space_;
  if (own_.token == 0 || left_) {
    if (tainted_) return RevokeAction{.lease = lease_.id, .deadline = CallDeadline(now.boot)};
    // Without its lease the claim cannot land any more; if it had, its marker stands.
    if (revoked_ && !warns) {
      return Transact(Call::kGiveUp, AbandonTransaction(keys_, own_, OwnMarker()), now);
    }
    return Finish(ending_error_ ? Outcome::kFailed : ending_as_, ending_error_.value_or(Error{}));
  }
  if (told_ && rule_slots_ == 1) return Release(now);
  if (auto action = NextCredit(now)) return *std::move(action);
  if (told_) return Release(now);
  if (warns) return Transact(Call::kDropMember, DropMemberTransaction(keys_, own_), now);
  return Transact(Call::kGiveUp, GiveUpTransaction(keys_, own_, HowToGiveUp()), now);
}

// The tail goes back to the youngest older claim if that is live and nothing that must be waited
// for stands between; else whoever comes next must look at all of them.
GiveUpRequest QueueMachine::HowToGiveUp() {
  GiveUpRequest request{.predecessor = {}, .alone = false, .marker = OwnMarker(), .finished = {}};
  const auto is_over = [](const Older& one) {
    return one.marker_known && one.marker.state != MarkerState::kLive;
  };
  // Behind a predecessor that is over there may be others that were never looked at.
  const auto tidied = [&](const Older& older) {
    if (!is_over(older) || tidy_later_.size() >= kMostTidied) return false;
    tidy_later_.push_back({.id = older.id, .mod = older.marker_mod});
    return older_complete_;
  };
  std::erase_if(older_, tidied);
  request.finished = tidy_later_;
  request.alone = older_complete_ && older_.empty() && looked_ && !scan_needed_ && !look_needed_;
  if (const Older* youngest = Youngest(); youngest != nullptr && youngest->alive &&
                                          youngest->marker_known && !is_over(*youngest) &&
                                          youngest->marker.slots == 1) {
    request.predecessor = youngest->id;
  }
  return request;
}

Action QueueMachine::Release(Moment now) {
  // Whether it was gone before; what is heard of it from here on may be the own doing.
  if (!end_sent_) gone_before_release_ = position_lost_;
  // Where several may hold, ends of others can have become over meanwhile.
  for (const Older& older : older_) {
    if (older.alive || OverAt(older) > now.boot || tidy_later_.size() >= kMostTidied) continue;
    tidy_later_.push_back({.id = older.id, .mod = older.marker_mod});
  }
  std::erase_if(older_, [&](const Older& one) { return !one.alive && OverAt(one) <= now.boot; });
  if (out_of_space_) {
    return Transact(Call::kRelease, DropClaimTransaction(keys_, own_, tidy_later_), now);
  }
  return Transact(Call::kRelease,
                  ReleaseTransaction(keys_, own_, {.marker = OwnMarker(), .finished = tidy_later_}),
                  now);
}

// Leaves what was watched of ends that are not over yet, so that a crowd of impatient ones gets
// there, too.
std::optional<Action> QueueMachine::NextCredit(Moment now) {
  if (credit_tried_) return std::nullopt;
  std::vector<CreditWrite> credits;
  for (const Older& older : older_) {
    if (older.alive || !older.marker_known || older.marker.state != MarkerState::kLive) continue;
    const BootTime since = CountedFrom(older);
    CreditWrite credit{.marker = {.id = older.id, .mod = older.marker_mod}, .value = older.marker};
    credit.value.credit = std::chrono::floor<milliseconds>(
        std::clamp<nanoseconds>(now.boot - since, nanoseconds(0), protocol::kMaxTtl));
    if (credit.value.credit > older.marker.credit) credits.push_back(std::move(credit));
    if (credits.size() == 32) break;
  }
  credit_tried_ = true;
  if (credits.empty()) return std::nullopt;
  return Transact(Call::kCredit, CreditTransaction(keys_, credits), now);
}

void QueueMachine::OwnerAnswered(const TransactionReply& reply) {
  owner_asked_ = true;
  const auto oldest = ReadHolderReply(reply);
  if (!oldest || oldest->create_revision >= own_.token) return;
  Event event{.token = static_cast<Token>(oldest->create_revision)};
  const auto member = DecodeMember(*oldest);
  if (member && keys_.IdOfMember(oldest->key)) {
    event.owner = member->holder;
    seen_kill_ = std::max(seen_kill_, member->kill);
    event.owner_since = member->acquired;
    event.owner_renewed = member->renewed;
  } else {
    event.owner.name = oldest->key;
    event.detail = "a key of something that is not monopod";
  }
  owner_ = std::move(event);
}

void QueueMachine::EndAnswered(const TransactionReply& reply, Moment received) {
  if (call_ == Call::kRelease && ending_as_ == Outcome::kReleased) {
    // After a lost answer the member may be gone by the own doing, while nobody can have followed
    // before the tenure ended.
    const bool by_itself = end_sent_ && received.boot < proof_ + claim_.times.kill;
    if (MemberStood(reply) || (by_itself && !gone_before_release_)) {
      events_.push_back({.kind = EventKind::kReleased, .token = token()});
    } else {
      ending_as_ = Outcome::kLost;
      events_.push_back({.kind = EventKind::kLost,
                         .token = token(),
                         .detail = "its key was gone before it was released"});
    }
  }
  if (tainted_) {
    // A claim of this ID may still land: it ends with its lease.
    left_ = true;
    return;
  }
  Finish(ending_error_ ? Outcome::kFailed : ending_as_, ending_error_.value_or(Error{}));
}

// What the member of a holder stands on.
LeaseId QueueMachine::HoldingLease() const {
  return claim_.kind == HoldKind::kSticky ? kNoLease : lease_.id;
}

MemberValue QueueMachine::OwnMember(MemberPhase phase, Moment now) const {
  MemberValue value{.holder = claim_.holder,
                    .kind = claim_.kind,
                    .phase = phase,
                    .ttl = claim_.times.ttl,
                    .kill = claim_.times.kill,
                    .stamp = nonces_(),
                    .acquired = acquired_,
                    .renewed = now.wall};
  // Sticky only once it holds: a claim that nobody was told of must end with its lease.
  if (value.kind == HoldKind::kSticky && phase != MemberPhase::kHeld) {
    value.kind = HoldKind::kProcess;
  }
  return value;
}

MarkerValue QueueMachine::OwnMarker() const {
  return {.state = MarkerState::kLive,
          .slots = rule_slots_,
          .kind = claim_.kind,
          .ttl = claim_.times.ttl,
          .kill = claim_.times.kill,
          .owed = carried_kill_,
          .credit = {},
          .holder = claim_.holder,
          .note = {}};
}

}  // namespace monopod::etcd
