// A process that claims the lock again and again: the simulated counterpart of the supervisor and,
// together with a class for each kind of store, of the blocking drivers in src/lock. It crashes, is
// restarted, and is stopped for a while; its guardian is not.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "sim/judge.h"
#include "sim/participants.h"
#include "sim/worker.h"
#include "sim/world.h"
#include "src/protocol/claim.h"

namespace monopod::sim {

inline constexpr std::chrono::nanoseconds kStoreTimeout = std::chrono::seconds(10);

class Process {
 public:
  struct Identity {
    std::size_t node = 0;
    const NodeClock* clock = nullptr;
    const CandidateSpec* spec = nullptr;
  };
  // Probabilities: to be stopped, per step; to crash, per claim.
  struct Dangers {
    double stall = 0;
    double crash = 0;
  };
  Process(const Worker::Surroundings& surroundings, const Identity& identity,
          const Dangers& dangers);
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Start();  // at a random moment
  // All of it is gone at once, the work too.
  void LosePower();
  // Faults stopped: runs from now on, and claims until it holds.
  void Heal();
  // Ends the present claim when it has held, and makes no more.
  void Retire();
  // Makes one more claim, and none after it, and works for that long.
  void ClaimOnce(std::chrono::nanoseconds length);
  bool claims() const { return claims_now_; }

 protected:
  // The machine of the present claim.
  virtual void MakeMachine() = 0;
  virtual void DropMachine(bool crashed) = 0;
  virtual void Ask() = 0;       // what to do next; it is kept
  virtual void CarryOut() = 0;  // what was asked
  virtual void StopMachine(BootTime end_by) = 0;
  virtual void EndAwait() = 0;  // the wait of an await is over
  virtual std::optional<protocol::Tenure> tenure() const = 0;

  // To carry out what all machines have in common.
  void Carry(const protocol::IdleAction& action);
  void Carry(const protocol::TellAction& action);
  void Carry(const protocol::DoneAction& action);
  // Returns the number by which it can be ended early.
  std::uint64_t Await(BootTime until);
  void OnWake(std::uint64_t ticket);
  // After an answer.
  void Step();
  void NoteTenure();
  // If the process does not run now: does that when it does.
  bool Postponed(const std::function<void()>& what);

  // How patient the present claim is.
  void DrawPatience(protocol::Claim& claim);
  protocol::Moment Now() const;
  ClaimId claim() const { return claim_; }
  const CandidateSpec& spec() const { return *identity_.spec; }
  const Identity& identity() const { return identity_; }
  bool awaits() const { return awaits_; }
  World& world() { return surroundings_.world; }
  Judge& judge() { return surroundings_.judge; }
  template <class MakeText>
  void Trace(std::uint64_t digest, const MakeText& text) {
    world().trace.Add(world().queue.now(), InstanceOf(claim_), digest, text);
  }

 private:
  void Claim();
  void DrawItsEnd();
  void Crash(ClaimId claim);
  void GiveUp(ClaimId claim);
  void Stop();
  void BeginWork(const Event& event);
  void WakeAt(TrueTime time);
  bool CheckForSpinning();
  // When this process runs next: now, unless it or its machine is stopped.
  TrueTime RunsAt() const;
  bool runs() const { return RunsAt() <= surroundings_.world.queue.now(); }
  void MaybeStall();

  const Worker::Surroundings surroundings_;
  const Identity identity_;
  const Dangers dangers_;
  TrueTime stalled_until_{};
  bool retired_ = false;
  std::chrono::nanoseconds healed_length_;  // of work, when faults have stopped

  // Of the present claim.
  bool claims_now_ = false;  // false: crashed, or between two claims
  ClaimId claim_ = 0;
  bool held_back_ = false;    // the process was stopped before it did what was asked
  std::uint64_t ticket_ = 0;  // of the present await or wait; others are out of date
  bool awaits_ = false;
  bool idles_ = false;
  bool stopped_ = false;            // the machine was told to end
  bool stopped_meanwhile_ = false;  // while what it had asked for before was held back
  bool give_up_ = false;            // and is, when the work is over
  Worker* worker_ = nullptr;        // of the present claim
  std::deque<Worker> workers_;      // of all claims; those of crashed ones may run on
  BootTime last_step_{};
  int steps_at_once_ = 0;
};

}  // namespace monopod::sim
