#include <array>
#include <optional>
#include <utility>

#include "sim/protocol_under_test.h"
#include "sim/sim_store.h"

namespace monopod::sim {
namespace {

using protocol::Action;
using protocol::Claim;
using protocol::Moment;
using protocol::Phase;
using protocol::ReadAction;
using protocol::Record;
using protocol::Snapshot;
using protocol::WriteAction;
using protocol::Written;
using NonceSource = protocol::RecordMachine::NonceSource;

class DeadlineFromTheReceipt : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  void OnWrite(const Result<Written>& reply, Moment /*sent*/, Moment received) override {
    machine().OnWrite(reply, received, received);
  }
};

class UnknownTakenAsSuccess : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  void OnWrite(const Result<Written>& reply, Moment sent, Moment received) override {
    const bool unknown = !reply && reply.error().code != ErrorCode::kConflict;
    machine().OnWrite(unknown ? Result<Written>(Written{.version = "?", .next_token = 1}) : reply,
                      sent, received);
  }
};

// Changes what the machine reads.
class Misreads : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  void OnRead(const Result<Snapshot>& reply, Moment received) override {
    if (!reply || !reply->exists()) {
      machine().OnRead(reply, received);
      return;
    }
    Snapshot misread = *reply;
    Misread(misread);
    machine().OnRead(misread, received);
  }

 protected:
  virtual void Misread(Snapshot& snapshot) = 0;
};

class TakesOverWithoutWaiting : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot) override {
    if (!IsMine(snapshot.record)) {
      snapshot.known_silence = protocol::SilenceToTakeOver(snapshot.record.ttl);
    }
  }
};

class ForgetsWhatIsOwed : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot) override {
    if (!IsMine(snapshot.record)) snapshot.record.owed_kill = {};
  }
};

class CountsCreditTwice : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot) override { snapshot.record.credit *= 2; }
};

class ForgetsTheDeathAllowance : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot) override {
    Record& record = snapshot.record;
    if (record.phase != Phase::kFree || record.owed_kill.count() == 0) return;
    record.owed_kill -= protocol::kDeathAllowance;
  }
};

class UsesRetiredSlots : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot) override {
    if (snapshot.record.phase == Phase::kRetired) snapshot.record.phase = Phase::kFree;
  }
};

// In the first slot; the others have origins of their own.
class IgnoresTheOrigin : public Misreads {
 public:
  using Misreads::Misreads;
  Action Next(Moment now) override {
    Action action = ProtocolUnderTest::Next(now);
    if (const auto* read = std::get_if<ReadAction>(&action)) reads_first_ = read->name == kLock;
    auto* write = std::get_if<WriteAction>(&action);
    if (write != nullptr && write->name == kLock && write->record.origin == believed_) {
      write->record.origin = true_;
    }
    return action;
  }

 protected:
  void Misread(Snapshot& snapshot) override {
    if (!reads_first_) return;
    true_ = snapshot.record.origin;
    if (believed_.empty()) believed_ = true_;
    snapshot.record.origin = believed_;
  }

 private:
  bool reads_first_ = false;
  std::string believed_;
  std::string true_;
};

// Believes to hold whatever it reads, once it held.
class RenewsWhatIsNotIts : public Misreads {
 public:
  using Misreads::Misreads;
  Action Next(Moment now) override {
    Action action = ProtocolUnderTest::Next(now);
    if (const auto* write = std::get_if<WriteAction>(&action)) {
      if (IsMine(write->record)) held_ = write->record;
    }
    return action;
  }

 protected:
  void Misread(Snapshot& snapshot) override {
    if (held_ && machine().tenure()) snapshot.record = *held_;
  }

 private:
  std::optional<Record> held_;
};

// Changes what the machine writes.
class Miswrites : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  Action Next(Moment now) override {
    Action action = ProtocolUnderTest::Next(now);
    if (auto* write = std::get_if<WriteAction>(&action)) Miswrite(write->record);
    return action;
  }

 protected:
  virtual void Miswrite(Record& record) = 0;
};

class EndsCleanWhileRecovering : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(Record& record) override {
    if (record.phase == Phase::kFree) record.owed_kill = {};
  }
};

class RepeatsTheToken : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(Record& record) override {
    if (IsMine(record) && given_ == 0) given_ = record.token;
    if (given_ > 1 && record.token == given_) --record.token;
  }

 private:
  protocol::Token given_ = 0;
};

class EndsTheHoldItWaitsFor : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(Record& record) override {
    if (IsClaimed(record) && !IsMine(record)) record.phase = Phase::kFree;
  }
};

class LeavesCreditForRecovering : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(Record& record) override {
    if (record.phase == Phase::kFree && record.owed_kill.count() > 0) {
      record.credit += std::chrono::seconds(1);
    }
  }
};

// Gives up a claim of unknown fate without the write that keeps it from landing late.
class GivesUpWithoutAFence : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  Action Next(Moment now) override {
    Action action = ProtocolUnderTest::Next(now);
    const auto* write = std::get_if<WriteAction>(&action);
    if (write == nullptr || !read_ || write->record.stamp != read_->stamp) return action;
    machine().OnWrite(Written{.version = write->expected, .next_token = 1}, now, now);
    return Next(now);
  }
  void OnRead(const Result<Snapshot>& reply, Moment received) override {
    if (reply) read_ = reply->record;
    machine().OnRead(reply, received);
  }

 private:
  std::optional<Record> read_;
};

template <class Protocol>
std::unique_ptr<ProtocolUnderTest> Make(const Claim& claim, NonceSource nonces) {
  return std::make_unique<Protocol>(claim, std::move(nonces));
}

constexpr auto kMutants = std::to_array<Mutant>({
    {"deadline-from-receipt", "a tenure counts from the receipt of the answer",
     Make<DeadlineFromTheReceipt>},
    {"unknown-is-success", "a write of unknown outcome is taken for landed",
     Make<UnknownTakenAsSuccess>},
    {"takeover-without-wait", "a live hold is taken over at once", Make<TakesOverWithoutWaiting>},
    {"owed-forgotten", "what an earlier hold owes is not waited out", Make<ForgetsWhatIsOwed>},
    {"allowance-forgotten", "the time that the last process takes to die is not waited",
     Make<ForgetsTheDeathAllowance>},
    {"retired-used", "a retired slot is used without a look at the number of slots",
     Make<UsesRetiredSlots>},
    {"credit-twice", "credit counts twice", Make<CountsCreditTwice>},
    {"origin-ignored", "a record that was made anew is taken for the old one",
     Make<IgnoresTheOrigin>},
    {"renews-others", "a holder renews whatever hold it finds", Make<RenewsWhatIsNotIts>},
    {"clean-while-recovering", "giving up during recovery is called a clean end",
     Make<EndsCleanWhileRecovering>},
    {"token-repeated", "a claim takes the token of the last hold", Make<RepeatsTheToken>},
    {"ends-others", "an observer that gives up ends the hold that it watched",
     Make<EndsTheHoldItWaitsFor>},
    {"credit-too-long", "who gives up during recovery claims to have waited a second more",
     Make<LeavesCreditForRecovering>},
    {"no-fence", "a claim of unknown fate is given up without a fence", Make<GivesUpWithoutAFence>},
});

}  // namespace

std::unique_ptr<ProtocolUnderTest> MakeProductionProtocol(const Claim& claim, NonceSource nonces) {
  return std::make_unique<ProtocolUnderTest>(claim, std::move(nonces));
}

std::span<const Mutant> AllMutants() { return kMutants; }

}  // namespace monopod::sim
