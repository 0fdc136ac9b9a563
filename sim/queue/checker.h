// The invariants of docs/PROTOCOL.md for locks that are queues in etcd, judged in true time by what
// really happened: which changes landed, and when work ran. It shares no code with the machine and
// knows nothing of its states.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/judge.h"
#include "sim/queue/keyspace.h"
#include "sim/queue/schedule.h"

namespace monopod::sim::queue {

// Whose request it was that changed keys: a claim's, or an administrator's, a foreign client's, or
// the end of a lease.
struct Author {
  std::optional<ClaimId> claim;
  BootTime sent{};  // by the claim's clock
};

class Checker final : public Judge {
 public:
  Checker(const Schedule& schedule, const Keyspace& keyspace);

  ClaimId NewClaim(const NodeClock& clock, const protocol::Times& times) override;
  void OnBelief(ClaimId claim, BootTime proof) override;
  void OnWorkBegan(ClaimId claim, std::size_t slot, TrueTime now) override;
  void OnWorkWrote(ClaimId claim) override;
  void OnWorkEnded(ClaimId claim, TrueTime now) override;
  void OnClaimEnded(ClaimId claim, protocol::Outcome outcome) override;

  // The keyspace has changed.
  void OnChanges(const Author& author, TrueTime now);
  // Everything was deleted by hand with the last change.
  void OnWiped();
  // A key of some claim reached the machine of a claim.
  void OnSeen(ClaimId claim, const etcd::KeyValue& at);
  // It had an answer from after its latest member was created.
  void OnAnswered(ClaimId claim) { claims_.at(claim).known_token = claims_.at(claim).token; }
  // The store told a claim that it is full.
  void OnFull(ClaimId claim) { claims_.at(claim).met_full = true; }
  void OnTold(ClaimId claim, Token token);

  // All claims are over, and a last one has just held and released.
  void CheckNothingIsLeft();
  etcd::Revision token(ClaimId claim) const { return claims_.at(claim).token; }
  int proofs(ClaimId claim) const { return claims_.at(claim).proofs; }

 private:
  struct Claim : Proven {
    etcd::Revision token = 0;  // create revision of its latest member
    etcd::Revision known_token = 0;
    etcd::Revision told_token = 0;
    std::set<etcd::Revision> tokens;  // all that it had: a late attempt may land beside a hold
    std::string id;                   // what follows in the keys of that
    int proofs = 0;                   // that landed after the claim itself
    bool over = false;
    bool works = false;
    bool told = false;
    bool met_full = false;
    bool displaced = false;  // its member or marker was taken away while it was not over
    // Where everything is wiped: whose keys it saw, and the last time that its place was wiped.
    std::set<ClaimId> seen;
    etcd::Revision place_wiped = 0;
    // Wiped holds that it must respect since a claim before it does, and says so.
    std::set<ClaimId> inherited;
  };
  void OnMember(const Change& change, ClaimId owner, const Author& author, TrueTime now);
  void OnMarker(const Change& change, ClaimId owner, const Author& author, TrueTime now);
  void CheckCredit(const Change& change, ClaimId owner, TrueTime now);
  int Allowed() const;
  int Running() const;
  bool UnknownTo(ClaimId claim, ClaimId wiped) const;
  bool SawWiped(ClaimId claim, ClaimId wiped, etcd::Revision wipe) const;
  void Inherit(ClaimId claim);
  void CheckOverlap(ClaimId claim, TrueTime now);
  void CheckOrder(ClaimId claim);

  const Schedule& schedule_;
  const Keyspace& keyspace_;
  std::vector<Claim> claims_;
  std::vector<ClaimId> working_;
  std::vector<etcd::Revision> wipes_;
  std::map<std::string, TrueTime> written_;  // members, by what follows in their keys
};

}  // namespace monopod::sim::queue
