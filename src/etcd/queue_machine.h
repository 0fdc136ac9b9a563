// One claim on a lock that is a queue of keys in etcd: from the lease to the release.
//
// The machine does no I/O, starts no thread and reads no clock. A driver asks `Next(now)` what to
// do, does it, and gives the answer to the matching On... call.
//
// Guarantees, whatever the order and fate of the calls (docs/PROTOCOL.md, "Store: etcd", has the
// argument):
// - It never tells `kAcquired` or `kTakenOver` before all older claims are over, within the clock
//   bounds (I10), nor believes in a hold past its last landed write's send time + kill (I4).
// - All it decides by is stable: that an older claim is over stays true. Late replies, stale reads
//   and missing watch events delay it, and nothing else.
// - When it gives up, nothing of its own can land later and win (I5), unless `kUnknown` says so.
// - It changes or ends no other claim's hold (I9); it tidies away markers of claims that are over.
// - Among claims of one lock, the older goes first (I7).
//
// Threads: none; calls must not overlap.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "monopod/event.h"
#include "monopod/result.h"
#include "src/etcd/api.h"
#include "src/etcd/known_slots.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_transactions.h"
#include "src/etcd/lock_values.h"
#include "src/protocol/claim.h"

namespace monopod::etcd {

using protocol::DoneAction;
using protocol::IdleAction;
using protocol::Moment;
using protocol::Outcome;
using protocol::TellAction;

// A lease that no other claim uses. One that an earlier claim left behind will do.
struct GrantAction {
  std::chrono::seconds ttl;
  BootTime deadline;
};
struct Granted {
  LeaseId id = kNoLease;
  BootTime kept;  // when the request that started its present term was sent
};
struct KeepAliveAction {
  LeaseId lease;
  BootTime deadline;
};
struct RevokeAction {
  LeaseId lease;
  BootTime deadline;
};
struct AskLeaseAction {
  LeaseId lease;
  BootTime deadline;
};
struct TransactAction {
  Transaction transaction;
  BootTime deadline;
};
// From now on watch these keys and no others. Needs no answer; what is watched already goes on.
struct WatchAction {
  std::vector<LockKeys::Bounds> watched;  // an empty `end`: one key
};
// Wait for a report, or `until`. Any wake-up is right, also for no reason.
struct AwaitAction {
  BootTime until;
};
using Action =
    std::variant<GrantAction, KeepAliveAction, RevokeAction, AskLeaseAction, TransactAction,
                 WatchAction, AwaitAction, IdleAction, TellAction, DoneAction>;

class QueueMachine {
 public:
  QueueMachine(protocol::Claim claim, LockKeys keys, std::function<std::string()> nonces);

  // Before the first Next: what an earlier claim learned, which saves a commit where a number of
  // slots was said. What is out of date does no harm.
  void Assume(const KnownSlots& known);
  KnownSlots known_slots() const { return {.value = slots_, .mod = slots_mod_}; }

  // What to do now. Until the answer to a call has been given, do not ask again. Reports may be
  // given at any time between. After Done only Done follows.
  Action Next(Moment now);

  // `sent` is the moment before the call was made.
  void OnGrant(const Result<Granted>& reply, Moment sent, Moment received);
  void OnKeepAlive(const Result<std::chrono::seconds>& reply, Moment sent, Moment received);
  void OnRevoke(const Result<void>& reply, Moment received);
  void OnLease(const Result<TimeToLive>& reply, Moment received);
  void OnTransaction(const Result<TransactionReply>& reply, Moment sent, Moment received);
  // `watched` is the beginning of what is watched.
  void OnReport(const std::string& watched, const WatchReport& report, Moment received);

  // As RecordMachine::Stop.
  void Stop(BootTime end_by);

  std::optional<protocol::Tenure> tenure() const;
  Token token() const { return static_cast<Token>(own_.token); }
  // etcd's slots have no numbers.
  static int slot() { return 0; }

  // After Done: the leases of this claim, and whether another claim may use them.
  struct LeaseUse {
    LeaseId id;
    bool reusable;
    std::chrono::seconds ttl;
    BootTime kept;
  };
  std::vector<LeaseUse> leases() const;

 private:
  enum class State : std::uint8_t { kQueued, kHolding, kLost, kEnding };
  enum class Call : std::uint8_t {
    kClaim,
    kScan,
    kLook,
    kProve,
    kWhoHolds,
    kWhyLost,
    kCredit,
    kGiveUp,
    kDropMember,
    kRelease,
    kRequeue,
  };

  struct Lease {
    LeaseId id = kNoLease;
    std::chrono::seconds ttl{0};
    BootTime kept{};     // when the request that started its present term was sent
    BootTime try_at{};   // not kept alive before, since the last try failed
    bool asked = false;  // of the first: it is the one that is being asked for
  };
  // A claim before this one that is not known to be over.
  struct Older {
    std::string id;
    Revision created = 0;  // 0 while only its ID is known
    Revision marker_mod = 0;
    MarkerValue marker;
    bool marker_known = false;
    BootTime marker_read{};  // receipt of the read that showed `marker_mod`
    bool alive = true;
    Revision member_mod = 0;  // 0 while not seen
    MemberValue member;
    BootTime member_seen{};   // receipt of what first showed `member_mod`
    BootTime counted_from{};  // if not alive: its work is over a recovery time later
    bool stale_told = false;
  };
  // A key of somebody else in front of this claim.
  struct Foreign {
    LeaseId lease = kNoLease;
    std::optional<std::chrono::seconds> granted;
  };

  // Everything older, and what follows from it: queue_machine_older.cc.
  void TakeScan(const ScanReply& scan, Moment received);
  void TakeUnmarked(const std::vector<KeyValue>& members, std::vector<Older>& found,
                    BootTime received);
  void TakeLook(const LookReply& look, Moment received);
  bool TakeOwnMember(const std::optional<KeyValue>& member);
  bool TakeSlots(const std::optional<KeyValue>& slots);
  void SawMember(Older& older, const KeyValue& member, BootTime received);
  bool SawMarker(Older& older, const KeyValue& marker, BootTime received);
  void HeardOf(const MarkerValue& marker);
  // `last`: what it said last, if that is known.
  void SawMemberGone(Older& older, BootTime counted_from, const std::optional<KeyValue>& last);
  void TakeForeign(const std::vector<KeyValue>& members);
  void OnMemberEvent(Older& older, const WatchEvent& event, BootTime received);
  void OnMarkerEvent(Older& older, const WatchEvent& event, BootTime received);
  void DropEndedHead();
  Older* Youngest();
  Older* YoungestAlive();
  BootTime OverAt(const Older& older) const;
  static BootTime CountedFrom(const Older& older);
  int AheadCount(BootTime now) const;
  BootTime NextOverAt(BootTime now) const;

  // Queueing: queue_machine_seek.cc.
  Action NextQueued(Moment now);
  Action NextClaim(Moment now);
  void ClaimAnswered(const TransactionReply& reply, BootTime sent);
  std::optional<Error> CheckSlots(int has) const;
  std::optional<Action> NextKnowledge(Moment now);
  std::optional<Action> Watch(std::vector<LockKeys::Bounds> wanted, Moment now);
  std::vector<LockKeys::Bounds> WantedWatches(BootTime now);
  Action NextTurn(Moment now);
  Action AwaitTurn(Moment now);
  std::optional<Action> NextWaitingTold(Moment now);
  void TellStale(Moment now);
  void TellRecovering(Moment now);
  Action GiveUp(Moment now);
  void Requeue(bool marker_stood, BootTime now);
  void CarryWiped(const KeyValue& ahead, BootTime received);
  BootTime ContactBy() const { return began_ + claim_.store_timeout; }

  // Holding, and ending: queue_machine_hold.cc.
  Action NextHolding(Moment now);
  Action NextEnding(Moment now);
  GiveUpRequest HowToGiveUp();
  Action Release(Moment now);
  std::optional<Action> NextCredit(Moment now);
  Action Prove(MemberPhase phase, LeaseId lease, Moment now);
  void ProveAnswered(const TransactionReply& reply, Moment sent, Moment received);
  void ProofLanded(BootTime sent, Revision mod);
  Action TellHeld(Moment now);
  void LoseIfExpired(BootTime now);
  std::string WhyLost(const TransactionReply& reply) const;
  void Lose(std::string detail);
  void OwnerAnswered(const TransactionReply& reply);
  void EndAnswered(const TransactionReply& reply, Moment received);

  MemberValue OwnMember(MemberPhase phase, Moment now) const;
  MarkerValue OwnMarker() const;
  LeaseId HoldingLease() const;

  // All.
  Action Transact(Call call, Transaction transaction, Moment now);
  std::optional<Action> NextKeepAlive(Moment now);
  BootTime NextKeepAt() const;
  void LeaseIsGone(LeaseId lease);
  bool IsFresh(const TransactionReply& reply, Moment received);
  BootTime CallDeadline(BootTime now) const;
  BootTime KeepAt(const Lease& lease) const;
  std::chrono::nanoseconds LookEvery() const;
  void OnFailure(const Error& error, Moment received);
  void OnContact();
  void Fail(Error error);
  Action Finish(Outcome outcome, Error error = {});

  const protocol::Claim claim_;
  const LockKeys keys_;
  const std::function<std::string()> nonces_;

  State state_ = State::kQueued;
  std::deque<Event> events_;  // to be told, oldest first
  std::optional<DoneAction> done_;
  Call call_ = Call::kClaim;

  BootTime began_{};
  BootTime last_moment_{};  // of Next

  // Contact with the store.
  BootTime retry_at_{};
  std::chrono::nanoseconds backoff_{0};
  Error last_error_;
  bool contacted_ = false;

  // The claim.
  Standing own_;                // token 0: not in the queue
  bool tainted_ = false;        // a claim transaction may still land: its lease must die
  ClaimRequest claim_request_;  // the last one
  Lease lease_;                 // of the TTL
  Lease short_lease_;           // of one who waits with a long TTL
  LeaseId member_lease_ = kNoLease;
  std::vector<LeaseUse> retired_;
  std::map<std::string, BootTime> attempts_;  // stamp -> send time of proofs of unknown fate
  MemberPhase phase_ = MemberPhase::kQueued;
  BootTime proof_{};  // send time of the latest own write that landed
  WallTime acquired_{};

  // The lock's number of slots.
  SlotsValue slots_;
  Revision slots_mod_ = 0;
  int rule_slots_ = 1;  // of the present claim: 1 queues by the tail, more count ranks

  // What is ahead.
  std::vector<Older> older_;
  bool older_complete_ = false;  // else only the predecessor is known
  std::map<std::string, Foreign> foreign_;
  std::vector<Foreign> ended_foreign_;      // it is not known yet whether on purpose
  std::vector<FinishedMarker> tidy_later_;  // over, with the end of this claim
  bool scan_needed_ = false;
  bool look_needed_ = false;
  bool looked_ = false;         // it is known whether it is this claim's turn
  bool position_lost_ = false;  // the own member is gone
  BootTime look_at_{};          // a watch is a hint: look again then
  BootTime confirm_at_{};       // a member's end is looked into then, unless more is heard
  BootTime not_before_{};       // carried waits
  Revision wiped_token_ = 0;    // of the own claim that was wiped away with all before it
  std::chrono::milliseconds carried_kill_{0};
  std::chrono::milliseconds seen_kill_{0};  // the longest of what was ever seen ahead
  std::vector<LockKeys::Bounds> watched_;
  std::set<std::string> started_;
  BootTime watch_patience_{};
  BootTime watch_closely_at_{};

  // The proof under way.
  MemberPhase proving_ = MemberPhase::kQueued;
  LeaseId proving_lease_ = kNoLease;
  std::vector<FinishedMarker> finished_;
  bool prove_now_ = false;

  // Telling.
  std::optional<Event> owner_;  // who holds it, as far as was seen
  bool waiting_told_ = false;
  bool owner_asked_ = false;
  std::optional<Event> taken_from_;  // the last hold that was recovered from
  bool recovering_told_ = false;
  bool told_ = false;  // the caller was told that it holds

  // Ending.
  BootTime end_by_{};
  Outcome ending_as_ = Outcome::kNotAcquired;
  std::optional<Error> ending_error_;
  bool end_sent_ = false;  // an ending transaction of unknown fate
  bool gone_before_release_ = false;
  bool left_ = false;  // its keys were ended; only what is under way may still stand or land
  bool revoked_ = false;
  bool out_of_space_ = false;
  bool credit_tried_ = false;
};

}  // namespace monopod::etcd
