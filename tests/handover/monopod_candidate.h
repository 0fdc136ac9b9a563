// A process of monopod that takes the Lease again and again, works a while, and gives it back: the
// record machine that production runs, driven in simulated time. Work that must stop takes as long
// as it may.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/node_clock.h"
#include "src/protocol/record_machine.h"
#include "tests/handover/lease_world.h"

namespace monopod::handover {

class MonopodCandidate {
 public:
  struct Options {
    std::string name;
    std::int64_t clock_error = 0;    // in millionths
    double lost_replies = 0;         // of writes that landed
    double outages = 0;              // begin with so many of its calls, and cut it off
    std::chrono::seconds most_rest;  // between two claims, at most
  };
  MonopodCandidate(LeaseWorld& world, Options options);
  MonopodCandidate(const MonopodCandidate&) = delete;
  MonopodCandidate& operator=(const MonopodCandidate&) = delete;

  // Of each time it was told that it holds.
  const std::vector<Token>& tokens() const { return tokens_; }

 private:
  using Generation = std::uint64_t;

  protocol::Moment Now() const;
  TrueTime When(BootTime local) const;
  void Claim();
  void Drive();
  void Do(const protocol::ReadAction& action);
  void Do(const protocol::WriteAction& action);
  void Do(const protocol::AwaitAction& action);
  void Do(const protocol::IdleAction& action);
  void Do(const protocol::TellAction& action);
  void Do(const protocol::DoneAction& action);
  void WakeAt(TrueTime when, bool awaited);
  void Wake(bool awaited);
  bool IsCutOff();
  void BeginWork();
  void EndWork();
  std::string Nonce();

  LeaseWorld& world_;
  const Options options_;
  sim::NodeClock clock_;
  std::unique_ptr<protocol::RecordMachine> machine_;
  Generation waiting_ = 0;  // the present wait; 0 while there is none
  Generation last_wait_ = 0;
  bool wait_is_for_change_ = false;
  bool driving_ = false;
  TrueTime cut_off_until_{};
  std::optional<std::size_t> work_;
  bool work_must_stop_ = false;
  std::vector<Token> tokens_;
};

}  // namespace monopod::handover
