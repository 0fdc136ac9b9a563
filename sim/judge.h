// Who judges a schedule in true time: what processes and their work must tell, and the invariants
// that do not depend on what the store keeps. The rest is in the checkers of the stores.
#pragma once

#include <optional>
#include <string>

#include "monopod/types.h"
#include "sim/claim_id.h"
#include "sim/node_clock.h"
#include "src/protocol/claim.h"

namespace monopod::sim {

class Judge {
 public:
  virtual ~Judge() = default;

  virtual ClaimId NewClaim(const NodeClock& clock, const protocol::Times& times) = 0;
  // The claim's machine believes in a tenure from this proof.
  virtual void OnBelief(ClaimId claim, BootTime proof) = 0;
  virtual void OnWorkBegan(ClaimId claim, std::size_t slot, TrueTime now) = 0;
  virtual void OnWorkWrote(ClaimId claim) = 0;  // to the resource that the lock protects
  virtual void OnWorkEnded(ClaimId claim, TrueTime now) = 0;
  virtual void OnClaimEnded(ClaimId claim, protocol::Outcome outcome) = 0;

  // For what the simulation itself finds wrong. Begins with what is broken, "I5: " for example.
  void Fail(std::string violation);

  // The first invariant that did not hold, and how.
  const std::optional<std::string>& violation() const { return violation_; }

 protected:
  // I4 of one claim, by its holder's own clock.
  struct Proven {
    const NodeClock* clock = nullptr;
    protocol::Times times;
    std::optional<BootTime> proof;  // send of its latest write that landed
  };
  // What the machine believes is not more than what is true.
  void CheckBelief(ClaimId id, const Proven& claim, BootTime proof);
  void CheckEndOfWork(ClaimId id, const Proven& claim, TrueTime now);
  // Its machine sleeps, or slept, through the moment at which its work had to be dead: the work
  // stands still meanwhile, and is killed when the machine wakes up.
  static bool Overslept(const Proven& claim);

  // I3: the resource that the lock protects has not seen a higher token, unless that may be.
  struct Write {
    ClaimId claim = 0;
    Token token = 0;
    bool must_be_accepted = true;
  };
  void CheckFence(const Write& write);

 private:
  Token fence_ = 0;           // the highest token that the resource has seen
  ClaimId fence_writer_ = 0;  // and whose it is
  std::optional<std::string> violation_;
};

}  // namespace monopod::sim
