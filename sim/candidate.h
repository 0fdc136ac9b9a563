// A process that claims the lock in a store of records.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sim/network.h"
#include "sim/process.h"
#include "sim/protocol_under_test.h"

namespace monopod::sim {

class Candidate final : public Process, public Caller, public Waiter {
 public:
  struct Parts {
    Environment& environment;
    Network& network;
    MakeProtocol make_protocol = nullptr;
  };
  Candidate(const Parts& parts, const Identity& identity);

  void OnReply(CallId call) override;
  void OnHint(std::uint64_t ticket, std::vector<protocol::Listed> news) override;

 private:
  void MakeMachine() override;
  void DropMachine(bool crashed) override;
  void Ask() override { action_ = protocol_->Next(Now()); }
  void CarryOut() override;
  void StopMachine(BootTime end_by) override { protocol_->Stop(end_by); }
  void EndAwait() override;
  std::optional<protocol::Tenure> tenure() const override { return protocol_->tenure(); }

  protocol::Claim DrawClaim();
  using Process::Carry;
  void Carry(const protocol::ReadAction& action);
  void Carry(const protocol::WriteAction& action);
  void Carry(const protocol::AwaitAction& action);

  Environment& environment_;
  Network& network_;
  const MakeProtocol make_protocol_;

  // Of the present claim.
  std::unique_ptr<ProtocolUnderTest> protocol_;
  std::uint64_t nonces_ = 0;
  protocol::Action action_;
  std::optional<CallId> call_;
  std::uint64_t await_ = 0;  // the present one
  std::vector<protocol::Listed> news_;
};

}  // namespace monopod::sim
