// The record machine as a candidate drives it, with a place to put a mistake in: a mutant is the
// production machine with one wrong answer given to it, or one wrong action taken from it. The
// checkers must catch each one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/protocol/record_machine.h"

namespace monopod::sim {

class ProtocolUnderTest {
 public:
  ProtocolUnderTest(const protocol::Claim& claim, protocol::RecordMachine::NonceSource nonces)
      : claim_(claim), machine_(claim, std::move(nonces)) {}
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
  virtual void OnNews(const std::vector<protocol::Listed>& news, protocol::Moment received) {
    machine_.OnAwaited(news, received);
  }
  void Stop(BootTime end_by) { machine_.Stop(end_by); }
  std::optional<protocol::Tenure> tenure() const { return machine_.tenure(); }
  // Whether the record is removed instead of being written.
  virtual bool Removes(const protocol::WriteAction& /*action*/) const { return false; }

 protected:
  bool IsMine(const protocol::Record& record) const {
    return record.holder.instance == claim_.holder.instance;
  }
  const protocol::Claim& claim() const { return claim_; }
  protocol::RecordMachine& machine() { return machine_; }

 private:
  const protocol::Claim claim_;
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
  std::uint64_t caught_at = 0;  // a seed that once showed it, to be quick
};
std::vector<Mutant> AllMutants();
std::span<const Mutant> ReadingMutants();  // those of mutants_reading.cc

}  // namespace monopod::sim
