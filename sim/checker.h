// The invariants of docs/PROTOCOL.md, judged in true time by what really happened: which writes
// landed, and when work ran. It shares no code with the machine and knows nothing of its states.
//
// I6 and I7 are not about record stores.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/judge.h"
#include "sim/schedule.h"
#include "sim/sim_store.h"
#include "src/protocol/record_machine.h"

namespace monopod::sim {

enum class Author : std::uint8_t { kClaim, kBreak, kResize, kForeign };

// A write that landed.
struct Landed {
  std::size_t slot = 0;
  protocol::Version before_version;  // empty: there was no record
  protocol::Record before;
  protocol::Record after;
  Author author = Author::kClaim;
  ClaimId claim = 0;  // whose write it was, if a claim's
  BootTime sent{};    // by its author's clock
};

class Checker final : public Judge {
 public:
  Checker(const Schedule& schedule, const SimStore& store);

  ClaimId NewClaim(const NodeClock& clock, const protocol::Times& times) override;
  void OnLanded(const Landed& landed, TrueTime now);
  void OnRemoved(std::size_t slot);
  void OnPowerLoss();
  // A read's answer reached a claim.
  void OnSeen(ClaimId claim, std::size_t slot, const protocol::Snapshot& snapshot);
  void OnBelief(ClaimId claim, BootTime proof) override;
  void OnWorkBegan(ClaimId claim, std::size_t slot, TrueTime now) override;
  void OnWorkWrote(ClaimId claim) override;
  void OnWorkEnded(ClaimId claim, TrueTime now) override;
  void OnClaimEnded(ClaimId claim, protocol::Outcome outcome) override;
  // A client that is not monopod believes that it holds, or no longer.
  void OnForeignWork(const std::string& who, bool works);

 private:
  struct Claim : Proven {
    bool began = false;  // `held` landed
    bool over = false;   // it was said that nothing of it is left
    bool works = false;
    bool waits = true;  // since it began, for the lock
    std::size_t slot = 0;
    protocol::Token token = 0;
    std::uint64_t removals = 0;  // of the record, when it was claimed
    std::string origin;          // of the record
    struct Seen {
      ClaimId holder = 0;
      std::string origin;
      bool operator==(const Seen&) const = default;
    };
    std::vector<Seen> seen;  // holds of others that it saw, where records are deleted
  };

  void CheckSlots();
  void CheckTokens(const Landed& landed);
  void CheckAuthor(const Landed& landed, TrueTime now);
  void CheckTakeover(const Landed& landed, TrueTime now);
  void CheckOverlap(ClaimId claim, TrueTime now);
  void CheckForeignWork(const std::string& who);
  void CheckOrder(ClaimId claim);
  bool UnknownTo(ClaimId claim, ClaimId deleted) const;
  void NoteHold(const Landed& landed);
  std::optional<ClaimId> HolderOf(const protocol::Record& record) const;

  const Schedule& schedule_;
  const SimStore& store_;
  std::vector<Claim> claims_;
  std::vector<ClaimId> working_;
  std::vector<std::string> foreign_working_;
  std::array<TrueTime, kMostSlots> stamped_{};
  std::array<protocol::Token, kMostSlots> highest_token_{};
  std::array<std::uint64_t, kMostSlots> removals_{};
};

}  // namespace monopod::sim
