// A process that claims the lock again and again: the simulated counterpart of the blocking driver
// in src/lock and of the supervisor. It crashes, is restarted, and is stopped for a while; its
// guardian is not.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "sim/network.h"
#include "sim/protocol_under_test.h"
#include "sim/worker.h"

namespace monopod::sim {

class Candidate final : public Receiver {
 public:
  struct Identity {
    std::size_t node = 0;
    const NodeClock* clock = nullptr;
    MakeProtocol make_protocol = nullptr;
  };
  Candidate(Environment& environment, Network& network, const Identity& identity);

  void Start();  // at a random moment
  // Faults stopped: runs from now on, and claims until it holds.
  void Heal();

  void OnReply(CallId call) override;
  void OnHint(std::uint64_t ticket) override;

 private:
  void Claim();
  protocol::Claim DrawClaim();
  void DrawItsEnd();
  void Crash(ClaimId claim);
  void GiveUp(ClaimId claim);
  void Step();
  void CarryOut(const protocol::Action& action);
  void Carry(protocol::ReadAction action);
  void Carry(protocol::WriteAction action);
  void Carry(protocol::AwaitAction action);
  void Carry(const protocol::IdleAction& action);
  void Carry(const protocol::TellAction& action);
  void Carry(const protocol::DoneAction& action);
  void BeginWork(const Event& event);
  void StopMachine();
  void WakeAt(TrueTime time);
  void OnWake(std::uint64_t ticket);
  void NoteTenure();
  bool CheckForSpinning();

  protocol::Moment Now() const;
  // When this process runs next: now, unless it or its machine is stopped.
  TrueTime RunsAt() const;
  bool runs() const { return RunsAt() <= environment_.queue.now(); }
  void MaybeStall();
  const CandidateSpec& spec() const { return environment_.schedule.candidates[identity_.node]; }
  template <class MakeText>
  void Trace(std::uint64_t digest, const MakeText& text);

  Environment& environment_;
  Network& network_;
  const Identity identity_;
  TrueTime stalled_until_{};

  // Of the present claim.
  std::unique_ptr<ProtocolUnderTest> protocol_;  // null: crashed, or between two claims
  ClaimId claim_ = 0;
  std::uint64_t nonces_ = 0;
  std::optional<protocol::Action> held_back_;  // the process was stopped before it did this
  std::optional<CallId> call_;
  std::uint64_t ticket_ = 0;  // of the present await or wait; others are out of date
  bool awaits_ = false;
  bool idles_ = false;
  bool stopped_ = false;        // Stop() was called
  bool give_up_ = false;        // and is due when the work is over
  Worker* worker_ = nullptr;    // of the present claim
  std::deque<Worker> workers_;  // of all claims; those of crashed ones may run on
  BootTime last_step_{};
  int steps_at_once_ = 0;
};

}  // namespace monopod::sim
