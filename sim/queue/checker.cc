#include "sim/queue/checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/queue/lock_text.h"

namespace monopod::sim::queue {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

Checker::Checker(const Schedule& schedule, const Keyspace& keyspace)
    : schedule_(schedule), keyspace_(keyspace) {}

ClaimId Checker::NewClaim(const NodeClock& clock, const protocol::Times& times) {
  claims_.emplace_back();
  claims_.back().clock = &clock;
  claims_.back().times = times;
  return claims_.size() - 1;
}

void Checker::OnBelief(ClaimId id, BootTime proof) { CheckBelief(id, claims_.at(id), proof); }

void Checker::OnChanges(const Author& author, TrueTime now) {
  for (const Change& change : keyspace_.changes()) {
    const KeyText key = ReadKey(change.key);
    if (key.kind == KeyKind::kMember) OnMember(change, *key.owner, author, now);
    if (key.kind == KeyKind::kMarker) OnMarker(change, *key.owner, author, now);
    if (key.kind == KeyKind::kForeign && author.claim) {
      Fail(fmt::format("I9: {} changes the key of somebody else: {}", InstanceOf(*author.claim),
                       change.key));
    }
    if (key.kind == KeyKind::kSlots && schedule_.promises_exclusion() &&
        schedule_.faults.wipe <= 0 && Running() > Allowed()) {
      Fail(fmt::format("I10: {} slots are in force while {} of them are in use by running work",
                       Allowed(), Running()));
    }
  }
}

// Work that stands still on a machine that sleeps does not count.
int Checker::Running() const {
  return static_cast<int>(
      std::ranges::count_if(working_, [&](ClaimId id) { return !Overslept(claims_.at(id)); }));
}

void Checker::OnMember(const Change& change, ClaimId owner, const Author& author, TrueTime now) {
  Claim& claim = claims_.at(owner);
  if (author.claim && *author.claim != owner) {
    Fail(fmt::format("I9: {} changes the member of {}", InstanceOf(*author.claim),
                     InstanceOf(owner)));
  }
  claim.displaced = claim.displaced || (!change.after && author.claim != owner);
  if (!change.after || !author.claim) return;
  if (claim.over) {
    Fail(fmt::format("I5: {} said that nothing of it is left, and its member appears",
                     InstanceOf(owner)));
  }
  if (change.before) {
    ++claim.proofs;
  } else {
    claim.token = change.after->create_revision;
    claim.tokens.insert(claim.token);
    claim.id = change.key.substr(kMemberKeys.size());
    Inherit(owner);
  }
  claim.proof = std::max(claim.proof.value_or(BootTime::min()), author.sent);
  written_[change.key.substr(kMemberKeys.size())] = now;
}

void Checker::OnMarker(const Change& change, ClaimId owner, const Author& author, TrueTime now) {
  Claim& claim = claims_.at(owner);
  if (author.claim == owner) {
    // Late credit for a place that it lost, which stands to warn, makes nothing of it.
    const bool stood = change.before && IsLive(change.before->value);
    if (claim.over && change.after && IsLive(change.after->value) && !stood) {
      Fail(fmt::format("I5: {} said that nothing of it is left, and its marker appears",
                       InstanceOf(owner)));
    }
    return;
  }
  claim.displaced = claim.displaced || !change.after;
  if (!author.claim) return;
  if (!change.before) {
    Fail(fmt::format("I9: {} makes a marker for {}", InstanceOf(*author.claim), InstanceOf(owner)));
  } else if (change.after) {
    CheckCredit(change, owner, now);
  } else if (claim.works && change.before->create_revision == claim.token &&
             schedule_.promises_exclusion() && !Overslept(claim)) {
    Fail(fmt::format("I9: {} tidies away the marker of {}, whose work runs",
                     InstanceOf(*author.claim), InstanceOf(owner)));
  }
}

// Observers change nothing but the credit, and what they say is true.
void Checker::CheckCredit(const Change& change, ClaimId owner, TrueTime now) {
  const milliseconds credit(NumberIn(change.after->value, "credit_ms"));
  const nanoseconds silence = now - written_[change.key.substr(kMarkerKeys.size())];
  if (schedule_.within_bounds && credit > silence / 1000 * 1005) {
    Fail(fmt::format("credit: that of {} says {} ms, but its member was written {} ms ago",
                     InstanceOf(owner), credit.count(), silence / milliseconds(1)));
  }
  if (IsLive(change.before->value) != IsLive(change.after->value)) {
    Fail("I9: an observer changes the state in the marker of " + InstanceOf(owner));
  }
}

void Checker::OnWiped() {
  wipes_.push_back(keyspace_.revision());
  for (Claim& claim : claims_) claim.inherited.clear();
  for (const Change& change : keyspace_.changes()) {
    const KeyText key = ReadKey(change.key);
    if (key.kind != KeyKind::kMarker || !IsLive(change.before->value)) continue;
    Claim& claim = claims_.at(*key.owner);
    // Who never had an answer does not know that it had a place.
    if (claim.known_token == change.before->create_revision) {
      claim.place_wiped = keyspace_.revision();
    }
  }
}

void Checker::OnSeen(ClaimId claim, const etcd::KeyValue& at) {
  if (schedule_.faults.wipe <= 0) return;
  if (const auto owner = ReadKey(at.key).owner) claims_.at(claim).seen.insert(*owner);
}

// I2.
void Checker::OnTold(ClaimId id, Token token) {
  Claim& claim = claims_.at(id);
  if (claim.told) Fail("order: " + InstanceOf(id) + " is told twice that it holds");
  claim.told = true;
  claim.told_token = static_cast<etcd::Revision>(token);
  if (!claim.tokens.contains(claim.told_token)) {
    Fail(fmt::format("I2: {} is told the token {}, and its member was created at {}",
                     InstanceOf(id), token, claim.token));
  }
}

// A smaller number is in force only when nobody holds more.
int Checker::Allowed() const {
  const auto at = keyspace_.keys().find(kSlotsKey);
  if (at == keyspace_.keys().end()) return 1;
  return static_cast<int>(
      std::max(NumberIn(at->second.value, "slots"), NumberIn(at->second.value, "before")));
}

// A hold whose keys were wiped away with all others is respected by those who had seen it and were
// in the queue then. Others find nothing.
bool Checker::UnknownTo(ClaimId id, ClaimId wiped) const {
  if (schedule_.judged == Beyond::kOverlap) return false;
  const Claim& claim = claims_.at(id);
  const auto wipe = std::ranges::upper_bound(wipes_, claims_.at(wiped).told_token);
  if (wipe == wipes_.end() || *wipe > claim.told_token) return false;
  return !SawWiped(id, wiped, *wipe) && !claim.inherited.contains(wiped);
}

bool Checker::SawWiped(ClaimId id, ClaimId wiped, etcd::Revision wipe) const {
  return claims_.at(id).seen.contains(wiped) && claims_.at(id).place_wiped >= wipe;
}

// The claim has just come to stand behind all whose markers are live.
void Checker::Inherit(ClaimId id) {
  if (wipes_.empty()) return;
  for (const auto& [key, at] : keyspace_.keys()) {
    const KeyText text = ReadKey(key);
    if (text.kind != KeyKind::kMarker || text.owner == id || !IsLive(at.value)) continue;
    for (const ClaimId wiped : working_) {
      const auto wipe = std::ranges::upper_bound(wipes_, claims_.at(wiped).told_token);
      if (wipe == wipes_.end()) continue;
      if (SawWiped(*text.owner, wiped, *wipe) ||
          claims_.at(*text.owner).inherited.contains(wiped)) {
        claims_.at(id).inherited.insert(wiped);
      }
    }
  }
}

// I1 and I10.
void Checker::CheckOverlap(ClaimId id, TrueTime now) {
  std::vector<ClaimId> others;
  for (const ClaimId other : working_) {
    const bool frozen = Overslept(claims_.at(other)) && schedule_.judged != Beyond::kOverlap;
    if (!frozen && !UnknownTo(id, other) && !UnknownTo(other, id)) others.push_back(other);
  }
  if (static_cast<int>(others.size()) < Allowed()) return;
  const Claim& other = claims_.at(others.front());
  Fail(
      fmt::format("I10: the work of {} began while the work of {} ran ({} in all, {} allowed), "
                  "whose last proof was {} ms ago by its own clock",
                  InstanceOf(id), InstanceOf(others.front()), others.size(), Allowed(),
                  (other.clock->At(now) - *other.proof) / milliseconds(1)));
}

// I7, foreign keys included: nobody passes a place in the queue that stands.
void Checker::CheckOrder(ClaimId id) {
  int before = 0;
  const etcd::KeyValue* last = nullptr;
  for (const auto& [key, at] : keyspace_.keys()) {
    const KeyKind kind = ReadKey(key).kind;
    if (kind != KeyKind::kMember && kind != KeyKind::kForeign) continue;
    if (at.create_revision >= claims_.at(id).told_token) continue;
    ++before;
    last = &at;
  }
  if (before < Allowed()) return;
  Fail(fmt::format("I7: the work of {} began while {} older keys stood, {} among them",
                   InstanceOf(id), before, last->key));
}

void Checker::OnWorkBegan(ClaimId id, std::size_t /*slot*/, TrueTime now) {
  Claim& claim = claims_.at(id);
  if (!claim.told) Fail("order: " + InstanceOf(id) + " works without being told that it holds");
  CheckOrder(id);
  if (schedule_.promises_exclusion() || schedule_.judged == Beyond::kOverlap) CheckOverlap(id, now);
  claim.works = true;
  working_.push_back(id);
  OnWorkWrote(id);
}

void Checker::OnWorkWrote(ClaimId id) {
  if (schedule_.slots > 1 || schedule_.faults.resize > 0) return;
  CheckFence({.claim = id,
              .token = static_cast<Token>(claims_.at(id).token),
              .must_be_accepted = schedule_.promises_exclusion() && wipes_.empty() &&
                                  schedule_.faults.suspend <= 0});
}

void Checker::OnWorkEnded(ClaimId id, TrueTime now) {
  claims_.at(id).works = false;
  std::erase(working_, id);
  CheckEndOfWork(id, claims_.at(id), now);
}

// I5.
void Checker::OnClaimEnded(ClaimId id, protocol::Outcome outcome) {
  if (outcome == protocol::Outcome::kUnknown) return;
  Claim& claim = claims_.at(id);
  claim.over = true;
  // A full store takes no other word than the end of the member; and a claim that still had to
  // wait, since it had lost its place or a foreign key had vanished, leaves its marker to say so.
  const bool may_warn = claim.met_full || claim.displaced || schedule_.faults.foreign > 0;
  for (const auto& [key, at] : keyspace_.keys()) {
    const KeyText text = ReadKey(key);
    if (text.owner != id) continue;
    if (text.kind == KeyKind::kMember || (IsLive(at.value) && !may_warn)) {
      Fail(fmt::format("I5: {} said that nothing of it is left, but there is {}", InstanceOf(id),
                       key));
    }
  }
}

void Checker::CheckNothingIsLeft() {
  for (const auto& [key, at] : keyspace_.keys()) {
    const KeyKind kind = ReadKey(key).kind;
    if (kind == KeyKind::kSlots) continue;
    Fail(fmt::format("nothing left: the lock is idle and clean, but there is {}: {}", key,
                     at.value));
  }
}

}  // namespace monopod::sim::queue
