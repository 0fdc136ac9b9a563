// One claim on a lock that is kept in records: from the first read to the release.
//
// The machine does no I/O, starts no thread and reads no clock. A driver asks `Next(now)` what to
// do, does it, and gives the answer to `OnRead`, `OnWrite` or `OnAwaited`; the blocking driver of
// src/lock and the simulator of sim/ drive the same machine.
//
// Guarantees, whatever the order and fate of the calls (docs/PROTOCOL.md has the argument):
// - It never tells `kAcquired` or `kTakenOver` before earlier work is over, within the clock
//   bounds (I10), nor believes in a hold past its last landed write's send time + kill (I4).
// - An outcome that is unknown is resolved by reading back its own stamp; when it gives up, no
//   write of its own can land later and win (I5), unless `kIndeterminate` says so.
// - It changes or ends no other claim's hold (I9).
//
// It does not promise order among waiters, and it trusts the store to be linearizable.
//
// Threads: none; calls must not overlap.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "monopod/result.h"
#include "src/protocol/claim.h"
#include "src/protocol/crowd.h"
#include "src/protocol/observation.h"
#include "src/protocol/record_store.h"
#include "src/protocol/times.h"

namespace monopod::protocol {

struct ReadAction {
  std::string name;
  BootTime deadline;
};
struct WriteAction {
  std::string name;
  Version expected;
  Record record;
  BootTime deadline;
};
// Wait until one of `seen` changed, or `until`. Any wake-up is right, also for no reason.
struct AwaitAction {
  std::vector<Seen> seen;
  BootTime until;
};
using Action =
    std::variant<ReadAction, WriteAction, AwaitAction, IdleAction, TellAction, DoneAction>;

class RecordMachine {
 public:
  using NonceSource = std::function<std::string()>;

  RecordMachine(Claim claim, NonceSource nonces);

  // What to do now. Until the answer to a read, write or await has been given, do not ask again.
  // Tell and Done need no answer; after Done only Done follows.
  Action Next(Moment now);

  void OnRead(const Result<Snapshot>& reply, Moment received);
  // `sent` is the moment before the write was handed to the store.
  void OnWrite(const Result<Written>& reply, Moment sent, Moment received);
  void OnAwaited();
  // With what the store told on the way (RecordStore::AwaitNews), if it did.
  void OnAwaited(std::span<const Listed> news, Moment received);

  // The caller wants no more: give up the claim, or release the hold. If the machine has told
  // `kAcquired` or `kTakenOver`, the work must be over before this is called. The machine ends
  // with Done by `end_by` or soon after it.
  void Stop(BootTime end_by);

  // The deadlines of the work, once acquired was told.
  std::optional<Tenure> tenure() const;
  Token token() const { return token_; }
  int slot() const { return slot_; }

 private:
  enum class State : std::uint8_t { kSeeking, kHolding, kLost, kEnding };
  enum class WriteKind : std::uint8_t { kPrepare, kClaim, kRenew, kFree, kFence, kCredit };

  // One slot's record as this candidate knows it.
  struct Slot {
    std::string name;
    Observation observation;
    bool fresh = false;         // read since the last wake-up
    bool credit_tried = false;  // when giving up
    // Among a crowd: since when it is known to be free, and when it is our turn to claim that
    // version.
    std::optional<BootTime> freed;
    std::optional<BootTime> turn;
    Version turn_version;
  };
  // When a slot can be had, and when the work under it may begin.
  struct Chance {
    BootTime claimable_at;
    BootTime work_may_begin;
    BootTime counted_from;  // the recovery is counted from here
    std::chrono::milliseconds owed_kill{0};
    bool clean = true;  // nothing earlier can still run
  };

  // Seeking a slot: record_machine_seek.cc.
  Action NextSeeking(Moment now);
  std::optional<Action> NextRefresh(Moment now);
  std::optional<Action> ReadOrPrepare(int slot, Moment now);
  std::optional<Error> CheckSlots(const Record& first) const;
  int SlotsToUse() const;
  std::optional<Chance> ChanceOf(const Slot& slot, Moment now) const;
  std::optional<std::chrono::nanoseconds> StaleAfter(const Observation& seen) const;
  void News(Slot& slot, const Snapshot& snapshot, BootTime received);
  void TakeTurn(Slot& slot, BootTime now);
  bool MustLetOthersGoFirst(const Slot& slot, BootTime now) const;
  Action Prepare(int slot, Moment now);
  Action ClaimSlot(int slot, const Chance& chance, Moment now);
  bool IsInTime(const Chance& chance) const;
  bool LooksExpired(const Slot& slot, Moment now) const;
  bool MayStillWait(Moment now) const;
  bool StoreTimedOut(Moment now) const;
  Action FailUnavailable(Moment now);
  Action AwaitSlots(Moment now);
  Action GiveUp(Moment now);
  Action NextCreditOrDone(Moment now);
  bool DeservesCredit(const Slot& slot, Moment now) const;
  void TellOwner(EventKind kind, Moment now);

  // Holding a slot, and ending: record_machine_hold.cc.
  Action NextHolding(Moment now);
  Action NextEnding(Moment now);
  Action Renew(Moment now);
  Action TellHeld(Moment now);
  void HoldingRead(const Snapshot& snapshot);
  void EndingRead(const Snapshot& snapshot, BootTime received);
  void ClaimLanded(const Record& record, BootTime sent);
  struct Loss {
    std::string detail;
    bool over = false;      // the store no longer shows this hold
    Record successor = {};  // what it shows instead
  };
  void Lose(Loss loss);
  void LoseIfExpired(BootTime now);
  void TellReleased();
  void ForgetClaim();
  Record FreeRecord(Moment now);

  // Both.
  Action EmitRead(int slot, BootTime now);
  Action EmitWrite(WriteKind kind, int slot, Record record, BootTime now);
  Action Finish(Outcome outcome, Error error = {});
  BootTime CallDeadline(BootTime now) const;
  void OnFailure(const Error& error, BootTime received, bool writing);
  void OnContact(bool writing);
  void OnWriteFailure(const Error& error, BootTime sent, BootTime received);
  bool IsMine(const Snapshot& snapshot) const;
  Slot& slot_at(int slot) { return slots_[static_cast<std::size_t>(slot)]; }
  const Slot& slot_at(int slot) const { return slots_[static_cast<std::size_t>(slot)]; }
  const Snapshot& own() const { return slot_at(slot_).observation.last(); }

  const Claim claim_;
  const NonceSource nonces_;

  State state_ = State::kSeeking;
  std::vector<Slot> slots_;   // slot 0 first; sized when its record says how many there are
  int home_ = 0;              // where this candidate begins to look, to spread the crowd
  std::deque<Event> events_;  // to be told, oldest first
  std::optional<DoneAction> done_;

  // The call that was handed out.
  int call_slot_ = 0;
  WriteKind write_kind_ = WriteKind::kPrepare;
  Record write_record_;
  Version write_expected_;

  // Contact with the store.
  BootTime call_started_{};
  BootTime failing_since_{};  // the first of the calls that have failed since the last success
  std::optional<BootTime> denied_since_;  // the first of those latest ones that were all refused
  bool contacted_ = false;                // a write landed, or somebody was seen to hold the lock
  bool write_failing_ = false;            // the last failure was a write's
  BootTime retry_at_{};
  std::chrono::nanoseconds backoff_{0};
  Error last_error_;
  int known_slots_ = 0;  // the last number that the slot-0 record said
  Crowd crowd_;
  bool told_of_changes_ = false;  // this store tells what changed, to all at once
  bool looked_ = false;           // every slot was looked at, or a claim was tried

  // The claim and the hold.
  std::optional<Event> stale_;                // to be told when the takeover has landed
  int slot_ = -1;                             // the slot that was claimed; -1 while seeking freely
  bool unresolved_ = false;                   // a claim write may have landed or may still land,
  Version unresolved_version_;                // if the record has this version then; empty: no more
  std::map<std::string, BootTime> attempts_;  // stamp -> send time of writes of unknown fate
  Token token_ = 0;
  Chance chance_{};
  Snapshot previous_;        // what was there before the claim
  std::string waiting_for_;  // the owners that `kWaiting` was told about
  bool begun_ = false;       // phase `held` landed: nothing earlier can still run
  bool told_ = false;        // the caller was told that it holds
  bool must_read_ = false;   // the fate of a write is unknown, or it met a change
  BootTime proof_{};         // send time of the latest write that landed
  std::chrono::nanoseconds renew_early_{0};

  // Ending.
  BootTime end_by_{};
  bool ended_elsewhere_ = false;  // somebody else ended the hold
  bool end_may_land_ = false;     // a write that ends the hold was of unknown fate
  Outcome ending_as_ = Outcome::kNotAcquired;
};

}  // namespace monopod::protocol
