// The queue machine as a client drives it, with a place to put a mistake in: a mutant is the
// production machine with one wrong answer given to it, or one wrong action taken from it. The
// checkers must catch each one.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/etcd/queue_machine.h"

namespace monopod::sim::queue {

using Nonces = std::function<std::string()>;

class MachineUnderTest {
 public:
  MachineUnderTest(const protocol::Claim& claim, const etcd::LockKeys& keys, Nonces nonces)
      : keys_(keys), machine_(claim, keys, std::move(nonces)) {}
  virtual ~MachineUnderTest() = default;
  MachineUnderTest(const MachineUnderTest&) = delete;
  MachineUnderTest& operator=(const MachineUnderTest&) = delete;

  using Moment = protocol::Moment;
  virtual etcd::Action Next(Moment now) { return machine_.Next(now); }
  void OnGrant(const Result<etcd::Granted>& reply, Moment sent, Moment received) {
    machine_.OnGrant(reply, sent, received);
  }
  virtual void OnKeepAlive(const Result<std::chrono::seconds>& reply, Moment sent,
                           Moment received) {
    machine_.OnKeepAlive(reply, sent, received);
  }
  void OnRevoke(const Result<void>& reply, Moment received) { machine_.OnRevoke(reply, received); }
  virtual void OnLease(const Result<etcd::TimeToLive>& reply, Moment received) {
    machine_.OnLease(reply, received);
  }
  virtual void OnTransaction(const Result<etcd::TransactionReply>& reply, Moment sent,
                             Moment received) {
    machine_.OnTransaction(reply, sent, received);
  }
  virtual void OnReport(const std::string& watched, const etcd::WatchReport& report,
                        Moment received) {
    machine_.OnReport(watched, report, received);
  }
  void Assume(const etcd::KnownSlots& known) { machine_.Assume(known); }
  etcd::KnownSlots known_slots() const { return machine_.known_slots(); }
  void Stop(BootTime end_by) { machine_.Stop(end_by); }
  virtual std::optional<protocol::Tenure> tenure() const { return machine_.tenure(); }
  std::vector<etcd::QueueMachine::LeaseUse> leases() const { return machine_.leases(); }

 protected:
  etcd::QueueMachine& machine() { return machine_; }
  const etcd::LockKeys& keys() const { return keys_; }

 private:
  const etcd::LockKeys keys_;
  etcd::QueueMachine machine_;
};

using MachineMaker = std::unique_ptr<MachineUnderTest> (*)(const protocol::Claim& claim,
                                                           const etcd::LockKeys& keys,
                                                           Nonces nonces);

std::unique_ptr<MachineUnderTest> MakeProductionMachine(const protocol::Claim& claim,
                                                        const etcd::LockKeys& keys, Nonces nonces);

struct Mutant {
  const char* name;
  const char* mistake;
  MachineMaker make;
  std::uint64_t caught_at = 0;  // a seed that once showed it, to be quick
};
std::vector<Mutant> AllMutants();
std::span<const Mutant> ReadingMutants();  // those of mutants_reading.cc

}  // namespace monopod::sim::queue
