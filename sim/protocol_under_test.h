// The record machine as a candidate drives it, with a place to put a mistake in: a mutant is the
// production machine with one wrong answer given to it, or one wrong action taken from it. The
// checkers must catch each one.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "src/protocol/record_machine.h"

namespace monopod::sim {

class ProtocolUnderTest {
 public:
  ProtocolUnderTest(const protocol::Claim& claim, protocol::RecordMachine::NonceSource nonces)
      : instance_(claim.holder.instance), machine_(claim, std::move(nonces)) {}
  virtual ~ProtocolUnderTest() = default;
  ProtocolUnderTest(const ProtocolUnderTest&) = delete;
  ProtocolUnderTest& operator=(const ProtocolUnderTest&) = delete;

  virtual protocol::Action Next(protocol::Moment now) { return machine_.Next(now); }
  virtual void OnRead(const Result<protocol::Snapshot>& reply, protocol::Moment received) {
    machine_.OnRead(reply, received);
  }
  virtual void OnWrite(const Result<protocol::Written>& reply, protocol::Moment sent,
                       protocol::Moment received) {
    machine_.OnWrite(reply, sent, received);
  }
  void OnAwaited() { machine_.OnAwaited(); }
  void Stop(BootTime end_by) { machine_.Stop(end_by); }
  std::optional<protocol::Tenure> tenure() const { return machine_.tenure(); }
  int slot() const { return machine_.slot(); }

 protected:
  bool IsMine(const protocol::Record& record) const { return record.holder.instance == instance_; }
  protocol::RecordMachine& machine() { return machine_; }

 private:
  std::string instance_;
  protocol::RecordMachine machine_;
};

using MakeProtocol = std::unique_ptr<ProtocolUnderTest> (*)(
    const protocol::Claim& claim, protocol::RecordMachine::NonceSource nonces);

std::unique_ptr<ProtocolUnderTest> MakeProductionProtocol(
    const protocol::Claim& claim, protocol::RecordMachine::NonceSource nonces);

struct Mutant {
  const char* name;
  const char* mistake;
  MakeProtocol make;
};
std::span<const Mutant> AllMutants();

}  // namespace monopod::sim
