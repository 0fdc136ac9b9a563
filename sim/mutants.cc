// Mistakes in what is written, and in what is made of its outcome. What is read wrongly is in
// mutants_reading.cc.
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "sim/protocol_under_test.h"
#include "sim/sim_store.h"

namespace monopod::sim {
namespace {

using protocol::Action;
using protocol::Claim;
using protocol::Listed;
using protocol::Moment;
using protocol::Phase;
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

// Changes what the machine writes.
class Miswrites : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  Action Next(Moment now) override {
    Action action = ProtocolUnderTest::Next(now);
    if (auto* write = std::get_if<WriteAction>(&action)) Miswrite(*write);
    return action;
  }
  void OnRead(const Result<Snapshot>& reply, Moment received) override {
    if (reply) Read(*reply);
    machine().OnRead(reply, received);
  }
  void OnNews(const std::vector<Listed>& news, Moment received) override {
    for (const Listed& one : news) Read(one.snapshot);
    machine().OnAwaited(news, received);
  }

 protected:
  virtual void Miswrite(WriteAction& write) = 0;
  virtual void Read(const Snapshot& /*snapshot*/) {}
};

class EndsCleanWhileRecovering : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    if (write.record.phase == Phase::kFree) write.record.owed_kill = {};
  }
};

class InheritsNothing : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    if (write.record.phase == Phase::kRecovering) write.record.owed_kill = {};
  }
};

class RepeatsTheToken : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    Record& record = write.record;
    if (IsMine(record) && given_ == 0) given_ = record.token;
    if (given_ > 1 && record.token == given_) --record.token;
  }

 private:
  protocol::Token given_ = 0;
};

// One more than the record says, as leaseTransitions counts: a record that is made anew starts
// again.
class CountsTokensInTheRecord : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Read(const Snapshot& snapshot) override { seen_[snapshot.version] = snapshot.record.token; }
  void Miswrite(WriteAction& write) override {
    Record& record = write.record;
    if (!IsMine(record)) return;
    if (right_ != record.token) {
      // A claim. One that was made of a record that this claim wrote starts from there.
      const auto seen = seen_.find(write.expected);
      right_ = record.token;
      given_ = seen == seen_.end() ? 1 : seen->second + 1;
    }
    record.token = given_;
  }

 private:
  std::map<protocol::Version, protocol::Token> seen_;
  protocol::Token right_ = 0;
  protocol::Token given_ = 0;
};

class DeletesOnRelease : public CountsTokensInTheRecord {
 public:
  using CountsTokensInTheRecord::CountsTokensInTheRecord;
  bool Removes(const WriteAction& action) const override {
    return action.record.phase == Phase::kFree && !action.expected.empty() && held_;
  }

 protected:
  void Miswrite(WriteAction& write) override {
    held_ = held_ || (IsMine(write.record) && write.record.phase == Phase::kHeld);
    CountsTokensInTheRecord::Miswrite(write);
  }

 private:
  bool held_ = false;
};

class EndsTheHoldItWaitsFor : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    Record& record = write.record;
    if (IsClaimed(record) && !IsMine(record)) record.phase = Phase::kFree;
  }
};

class LeavesCreditForRecovering : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    Record& record = write.record;
    if (record.phase == Phase::kFree && record.owed_kill.count() > 0) {
      record.credit += std::chrono::seconds(1);
    }
  }
};

// A PUT without a resourceVersion, which an API server takes.
class RenewsUnconditionally : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    if (machine().tenure() && IsMine(write.record)) write.expected = kAnyVersion;
  }
};

// A write that had no answer is sent once more, whatever happened since.
class RepeatsBlindly : public Miswrites {
 public:
  using Miswrites::Miswrites;
  void OnWrite(const Result<Written>& reply, Moment sent, Moment received) override {
    if (!reply && reply.error().code != ErrorCode::kConflict && !repeat_) {
      repeat_ = last_;
      return;
    }
    repeat_.reset();
    machine().OnWrite(reply, sent, received);
  }
  Action Next(Moment now) override {
    if (!repeat_) return Miswrites::Next(now);
    WriteAction again = *repeat_;
    again.expected = kAnyVersion;
    again.deadline = now.boot + claim().times.attempt;
    return again;
  }

 protected:
  void Miswrite(WriteAction& write) override { last_ = write; }

 private:
  std::optional<WriteAction> last_;
  std::optional<WriteAction> repeat_;
};

class KeepsItsStamp : public Miswrites {
 public:
  using Miswrites::Miswrites;

 protected:
  void Miswrite(WriteAction& write) override {
    if (!IsMine(write.record)) return;
    if (stamp_.empty()) stamp_ = write.record.stamp;
    write.record.stamp = stamp_;
  }

 private:
  std::string stamp_;
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
    {"clean-while-recovering", "giving up during recovery is called a clean end",
     Make<EndsCleanWhileRecovering>},
    {"recovery-not-inherited", "a claim in recovery does not say what it waits for",
     Make<InheritsNothing>},
    {"token-repeated", "a claim takes the token of the last hold", Make<RepeatsTheToken>},
    {"token-in-the-record", "tokens count in the record alone, and start again with it",
     Make<CountsTokensInTheRecord>},
    {"delete-on-release", "a release deletes the record, and the token with it",
     Make<DeletesOnRelease>},
    {"ends-others", "an observer that gives up ends the hold that it watched",
     Make<EndsTheHoldItWaitsFor>},
    {"credit-too-long", "who gives up during recovery claims to have waited a second more",
     Make<LeavesCreditForRecovering>},
    {"unconditional-renewal", "a renewal is written whatever version is there",
     Make<RenewsUnconditionally>},
    {"blind-retry", "a write without an answer is sent again, whatever happened since",
     Make<RepeatsBlindly>},
    {"stamp-kept", "renewals do not change the stamp, so that a holder looks silent",
     Make<KeepsItsStamp>},
    {"no-fence", "a claim of unknown fate is given up without a fence", Make<GivesUpWithoutAFence>,
     430},
});

}  // namespace

std::unique_ptr<ProtocolUnderTest> MakeProductionProtocol(const Claim& claim, NonceSource nonces) {
  return std::make_unique<ProtocolUnderTest>(claim, std::move(nonces));
}

std::vector<Mutant> AllMutants() {
  std::vector<Mutant> all(kMutants.begin(), kMutants.end());
  const auto reading = ReadingMutants();
  all.insert(all.end(), reading.begin(), reading.end());
  return all;
}

}  // namespace monopod::sim
