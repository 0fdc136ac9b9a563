// A process that claims a lock that is a queue in etcd: the simulated counterpart of
// src/lock/queue_driver.h and of the pool of leases.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/process.h"
#include "sim/queue/lease_stock.h"
#include "sim/queue/machine_under_test.h"
#include "sim/queue/network.h"

namespace monopod::sim::queue {

class Client final : public Process, public Receiver {
 public:
  struct Parts {
    World& world;
    Checker& checker;
    Network& network;
    Watches& watches;
    const Schedule& schedule;
    etcd::LeaseId& last_lease;  // of all processes
    MachineMaker make_machine = nullptr;
  };
  Client(const Parts& parts, const Identity& identity);

  void OnReply(CallId call) override;
  // Whether a key is the present claim's.
  bool Owns(const std::string& key) const;
  std::size_t node() const { return identity().node; }

 private:
  void MakeMachine() override;
  void DropMachine(bool crashed) override;
  void Ask() override;
  void CarryOut() override;
  void StopMachine(BootTime end_by) override { machine_->Stop(end_by); }
  void EndAwait() override {}
  std::optional<protocol::Tenure> tenure() const override { return machine_->tenure(); }

  protocol::Claim DrawClaim();
  using Process::Carry;
  void Carry(const etcd::GrantAction& action);
  void Carry(const etcd::KeepAliveAction& action);
  void Carry(const etcd::RevokeAction& action);
  void Carry(const etcd::AskLeaseAction& action);
  void Carry(etcd::TransactAction& action);
  void Carry(const etcd::WatchAction& action);
  void Carry(const etcd::AwaitAction& action);
  void Carry(const protocol::TellAction& action);
  void Carry(const protocol::DoneAction& action);
  void Send(Request request, BootTime deadline);
  void Tell(const Call& call, const Reply& answer);
  void Arrived(const std::string& watched, const Watches::Report& report);
  void NoteSeen(const etcd::TransactionReply& reply);
  void EndProcess();
  void CheckCosts();

  const Parts parts_;
  LeaseStock leases_;       // of this process
  etcd::KnownSlots slots_;  // that it learned

  // Of the present claim.
  std::unique_ptr<MachineUnderTest> machine_;
  std::uint64_t nonces_ = 0;
  std::optional<etcd::Action> action_;
  std::optional<CallId> call_;
  std::uint64_t await_ = 0;  // the present one
  struct Letter {
    std::string watched;
    Watches::Report report;
  };
  std::vector<Letter> letters_;
  struct Watched {
    std::string end;
    Watches::Id id = 0;
  };
  std::map<std::string, Watched> watched_;  // by the beginning
  struct Costs {
    int grants = 0;
    int reads = 0;
    int writes = 0;
    bool learns_slots = false;
    bool held = false;
    bool failed = false;
  };
  Costs costs_;
  bool leftovers_ = false;  // an answer was late, and the next one may have to tidy up
};

}  // namespace monopod::sim::queue
