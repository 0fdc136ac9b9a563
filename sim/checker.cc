#include "sim/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace monopod::sim {
namespace {

using protocol::Phase;
using protocol::Record;
using std::chrono::nanoseconds;

// Whether the two say the same of the hold, whatever else they say.
bool SameHold(const Record& one, const Record& other) {
  return one.phase == other.phase && one.holder == other.holder && one.stamp == other.stamp &&
         one.token == other.token && one.ttl == other.ttl && one.kill == other.kill &&
         one.owed_kill == other.owed_kill && one.origin == other.origin;
}

}  // namespace

Checker::Checker(const Schedule& schedule, const SimStore& store)
    : schedule_(schedule), store_(store) {}

ClaimId Checker::NewClaim(const NodeClock& clock, const protocol::Times& times) {
  claims_.emplace_back();
  claims_.back().clock = &clock;
  claims_.back().times = times;
  return claims_.size() - 1;
}

std::optional<ClaimId> Checker::HolderOf(const Record& record) const {
  const std::string& instance = record.holder.instance;
  if (!IsClaimed(record) || instance.empty()) return std::nullopt;
  ClaimId claim = 0;
  std::from_chars(instance.data() + 1, instance.data() + instance.size(), claim);
  return claim;
}

void Checker::OnLanded(const Landed& landed, TrueTime now) {
  CheckTokens(landed);
  CheckAuthor(landed, now);
  if (landed.before_version.empty() || landed.before.stamp != landed.after.stamp) {
    stamped_.at(landed.slot) = now;
  }
  NoteHold(landed);
  CheckSlots();
}

void Checker::OnRemoved(std::size_t slot) { ++removals_.at(slot); }

// Everybody knows that whatever ran is over.
void Checker::OnPowerLoss() { stamped_.fill(TrueTime(-protocol::kCertainlyOver)); }

// I2.
void Checker::CheckTokens(const Landed& landed) {
  const bool acquires = !landed.after.holder.instance.empty() &&
                        (landed.before_version.empty() ||
                         landed.before.holder.instance != landed.after.holder.instance);
  protocol::Token& highest = highest_token_.at(landed.slot);
  if (acquires && landed.after.token <= highest) {
    Fail(fmt::format("I2: {} claimed with token {} after {} had been given",
                     landed.after.holder.instance, landed.after.token, highest));
  }
  if (!acquires && landed.author != Author::kForeign && !landed.before_version.empty() &&
      landed.after.token != landed.before.token) {
    Fail(fmt::format("I2: the token changed from {} to {} without a claim", landed.before.token,
                     landed.after.token));
  }
  highest = std::max(highest, landed.after.token);
}

// I9, and the honesty of what observers leave.
void Checker::CheckAuthor(const Landed& landed, TrueTime now) {
  if (landed.before_version.empty() || landed.author != Author::kClaim) return;
  const auto holder = HolderOf(landed.before);
  if (landed.before.foreign && HolderOf(landed.after) == landed.claim) {
    CheckTakeover(landed, now);
  } else if (landed.before.foreign && !SameHold(landed.before, landed.after)) {
    Fail(fmt::format("I9: {} changed the hold of \"{}\"", InstanceOf(landed.claim),
                     landed.before.holder.name));
  }
  if (!holder || *holder == landed.claim) return;
  if (SameHold(landed.before, landed.after)) {
    const nanoseconds silence = now - stamped_.at(landed.slot);
    if (schedule_.within_bounds && landed.after.credit > silence / 1000 * 1005) {
      Fail(fmt::format("credit: it says {} ms, but the stamp changed {} ms ago",
                       landed.after.credit.count(), silence / std::chrono::milliseconds(1)));
    }
    return;
  }
  if (HolderOf(landed.after) != landed.claim) {
    Fail(fmt::format("I9: {} renewed or ended the hold of {}", InstanceOf(landed.claim),
                     InstanceOf(*holder)));
    return;
  }
  CheckTakeover(landed, now);
}

void Checker::CheckTakeover(const Landed& landed, TrueTime now) {
  const nanoseconds silence = now - stamped_.at(landed.slot);
  // 1.01 of the TTL, by a clock that runs half a percent fast.
  const nanoseconds least = nanoseconds(landed.before.ttl) / 1005 * 1010;
  if (schedule_.within_bounds && silence < least) {
    const Holder& holder = landed.before.holder;
    Fail(fmt::format("I9: {} took over the hold of {}, which had been silent for {} ms only",
                     landed.after.holder.instance,
                     landed.before.foreign ? '"' + holder.name + '"' : holder.instance,
                     silence / std::chrono::milliseconds(1)));
  }
}

void Checker::NoteHold(const Landed& landed) {
  const auto holder = HolderOf(landed.after);
  if (!holder || landed.author != Author::kClaim || *holder != landed.claim) return;
  Claim& claim = claims_.at(*holder);
  if (claim.over) {
    Fail(fmt::format("I5: {} was given up, and holds the lock all the same", InstanceOf(*holder)));
  }
  const bool stamped = landed.before_version.empty() || landed.before.stamp != landed.after.stamp;
  if (stamped) claim.proof = std::max(claim.proof.value_or(landed.sent), landed.sent);
  claim.began = claim.began || landed.after.phase == Phase::kHeld;
  claim.slot = landed.slot;
  claim.token = landed.after.token;
  claim.removals = removals_.at(landed.slot);
  claim.origin = landed.after.origin;
}

// I1.
void Checker::CheckSlots() {
  if (!store_.Exists(0)) return;
  int holders = 0;
  for (std::size_t slot = 0; slot < kMostSlots; ++slot) {
    if (store_.Exists(slot) && IsClaimed(store_.Shown(slot))) ++holders;
  }
  const int slots = std::max(store_.Shown(0).slots, 1);
  if (holders > slots) {
    Fail(fmt::format("I1: the store shows {} holders of a lock with {} slots", holders, slots));
  }
}

void Checker::OnForeignWork(const std::string& who, bool works) {
  if (!works) {
    std::erase(foreign_working_, who);
    return;
  }
  if (std::ranges::find(foreign_working_, who) != foreign_working_.end()) return;
  foreign_working_.push_back(who);
  CheckForeignWork(who);
}

// Not promised: nobody stops their work, nor do they wait for ours.
void Checker::CheckForeignWork(const std::string& who) {
  if (schedule_.judged != Beyond::kForeignWork || working_.empty() || foreign_working_.empty()) {
    return;
  }
  Fail(fmt::format(
      "foreign work: that of {} begins while that of {} runs", who,
      who == foreign_working_.back() ? InstanceOf(working_.front()) : foreign_working_.front()));
}

// Not promised: whoever writes first after a release wins.
void Checker::CheckOrder(ClaimId id) {
  if (schedule_.judged != Beyond::kOrder) return;
  for (ClaimId older = 0; older < id; ++older) {
    if (!claims_.at(older).waits) continue;
    Fail(fmt::format("order: the work of {} begins while {}, which came before, waits",
                     InstanceOf(id), InstanceOf(older)));
  }
}

void Checker::OnSeen(ClaimId claim, std::size_t slot, const protocol::Snapshot& snapshot) {
  if (schedule_.faults.deletion <= 0 || !snapshot.exists() || slot != 0) return;
  if (const auto holder = HolderOf(snapshot.record)) {
    claims_.at(claim).seen.push_back({.holder = *holder, .origin = snapshot.record.origin});
  }
}

void Checker::OnBelief(ClaimId id, BootTime proof) {
  const Claim& claim = claims_.at(id);
  if (!claim.began) {
    Fail(fmt::format("I4: {} believes that it holds, and `held` never landed", InstanceOf(id)));
  }
  CheckBelief(id, claim, proof);
}

// A hold whose record was deleted by hand is respected only by who saw it.
bool Checker::UnknownTo(ClaimId id, ClaimId deleted_id) const {
  if (schedule_.judged == Beyond::kOverlap) return false;
  const Claim& deleted = claims_.at(deleted_id);
  const auto& seen = claims_.at(id).seen;
  const Claim::Seen hold{.holder = deleted_id, .origin = deleted.origin};
  return removals_.at(deleted.slot) != deleted.removals &&
         std::ranges::find(seen, hold) == seen.end();
}

// I10.
void Checker::CheckOverlap(ClaimId id, TrueTime now) {
  const Claim& claim = claims_.at(id);
  int running = 0;
  for (const ClaimId other_id : working_) {
    const Claim& other = claims_.at(other_id);
    if (Overslept(other) && schedule_.judged != Beyond::kOverlap) continue;
    ++running;
    if (other.slot != claim.slot) continue;
    if (UnknownTo(id, other_id) || UnknownTo(other_id, id)) continue;
    Fail(
        fmt::format("I10: the work of {} began while the work of {} ran, whose last proof was "
                    "{} ms ago by its own clock",
                    InstanceOf(id), InstanceOf(other_id),
                    (other.clock->At(now) - *other.proof) / std::chrono::milliseconds(1)));
  }
  if (schedule_.faults.deletion <= 0 && store_.Exists(0) &&
      running >= std::max(store_.Shown(0).slots, 1)) {
    Fail(fmt::format("I10: the work of {} began, and {} slots were in use by running work",
                     InstanceOf(id), running));
  }
}

void Checker::OnWorkBegan(ClaimId id, std::size_t slot, TrueTime now) {
  if (slot != claims_.at(id).slot)
    Fail("I1: " + InstanceOf(id) + " works in a slot that it does not hold");
  if (schedule_.promises_exclusion() || schedule_.judged == Beyond::kOverlap) CheckOverlap(id, now);
  CheckOrder(id);
  claims_.at(id).works = true;
  claims_.at(id).waits = false;
  working_.push_back(id);
  CheckForeignWork(InstanceOf(id));
  OnWorkWrote(id);
}

void Checker::OnWorkWrote(ClaimId id) {
  if (schedule_.slots > 1) return;
  CheckFence({.claim = id,
              .token = claims_.at(id).token,
              .must_be_accepted = schedule_.promises_exclusion() &&
                                  schedule_.faults.deletion <= 0 && schedule_.faults.suspend <= 0});
}

void Checker::OnWorkEnded(ClaimId id, TrueTime now) {
  claims_.at(id).works = false;
  std::erase(working_, id);
  CheckEndOfWork(id, claims_.at(id), now);
}

// I5.
void Checker::OnClaimEnded(ClaimId id, protocol::Outcome outcome) {
  claims_.at(id).waits = false;
  if (outcome == protocol::Outcome::kUnknown) return;
  claims_.at(id).over = true;
  for (std::size_t slot = 0; slot < kMostSlots; ++slot) {
    if (store_.Exists(slot) && HolderOf(store_.Shown(slot)) == id) {
      Fail(fmt::format("I5: {} said that nothing of it is left, but the store shows its hold",
                       InstanceOf(id)));
    }
  }
}

}  // namespace monopod::sim
