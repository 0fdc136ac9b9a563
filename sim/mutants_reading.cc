// Mistakes in what is made of what was read. Each gives the production machine a wrong reading.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
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
using protocol::ReadAction;
using protocol::Record;
using protocol::Snapshot;
using protocol::WriteAction;
using protocol::Written;
using std::chrono::milliseconds;
using NonceSource = protocol::RecordMachine::NonceSource;

class Misreads : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  Action Next(Moment now) override {
    Action action = ProtocolUnderTest::Next(now);
    if (const auto* read = std::get_if<ReadAction>(&action)) reads_ = read->name;
    if (auto* write = std::get_if<WriteAction>(&action)) Restore(*write);
    return action;
  }
  void OnRead(const Result<Snapshot>& reply, Moment received) override {
    if (!reply || !reply->exists()) {
      machine().OnRead(reply, received);
      return;
    }
    machine().OnRead(Read(reads_, *reply, received), received);
  }
  void OnNews(const std::vector<Listed>& news, Moment received) override {
    std::vector<Listed> misread = news;
    for (Listed& one : misread) one.snapshot = Read(one.name, one.snapshot, received);
    machine().OnAwaited(misread, received);
  }

 protected:
  virtual void Misread(Snapshot& snapshot, Moment received) = 0;
  const std::string& reads() const { return reads_; }

 private:
  Snapshot Read(const std::string& name, const Snapshot& snapshot, Moment received) {
    reads_ = name;
    true_[name] = snapshot;
    Snapshot misread = snapshot;
    Misread(misread, received);
    return misread;
  }

  // A hold of others that is written back is written as it stood: the mistake is in the judgement.
  void Restore(WriteAction& write) {
    const auto known = true_.find(write.name);
    if (known == true_.end() || known->second.version != write.expected) return;
    Record record = known->second.record;
    if (IsMine(write.record) || IsMine(record) || !IsClaimed(record)) return;
    if (write.record.phase != record.phase && IsClaimed(write.record)) return;
    record.edit = write.record.edit;
    record.credit = write.record.credit;
    write.record = std::move(record);
  }

  std::string reads_;
  std::map<std::string, Snapshot> true_;
};

class TakesOverWithoutWaiting : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    if (IsMine(snapshot.record)) return;
    snapshot.known_silence = protocol::SilenceToTakeOver(snapshot.record.ttl);
  }
};

class ForgetsWhatIsOwed : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    if (!IsMine(snapshot.record)) snapshot.record.owed_kill = {};
  }
};

class CountsCreditTwice : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override { snapshot.record.credit *= 2; }
};

class ForgetsTheDeathAllowance : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    Record& record = snapshot.record;
    if (record.phase != Phase::kFree || record.owed_kill.count() == 0) return;
    record.owed_kill -= protocol::kDeathAllowance;
  }
};

class UsesRetiredSlots : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    if (snapshot.record.phase == Phase::kRetired) snapshot.record.phase = Phase::kFree;
  }
};

// In the first slot; the others have origins of their own.
class IgnoresTheOrigin : public Misreads {
 public:
  using Misreads::Misreads;
  Action Next(Moment now) override {
    Action action = Misreads::Next(now);
    auto* write = std::get_if<WriteAction>(&action);
    if (write != nullptr && write->name == kLock && write->record.origin == believed_) {
      write->record.origin = true_origin_;
    }
    return action;
  }

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    if (reads() != kLock) return;
    true_origin_ = snapshot.record.origin;
    if (believed_.empty()) believed_ = true_origin_;
    snapshot.record.origin = believed_;
  }

 private:
  std::string believed_;
  std::string true_origin_;
};

// Believes to hold whatever it reads, once it held.
class RenewsWhatIsNotIts : public Misreads {
 public:
  using Misreads::Misreads;
  Action Next(Moment now) override {
    Action action = Misreads::Next(now);
    if (const auto* write = std::get_if<WriteAction>(&action)) {
      if (IsMine(write->record)) held_ = write->record;
    }
    return action;
  }

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    if (held_ && machine().tenure()) snapshot.record = *held_;
  }

 private:
  std::optional<Record> held_;
};

class BelievesStoredTimes : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment received) override {
    const Record& record = snapshot.record;
    if (IsMine(record) || record.renewed + record.ttl > received.wall) return;
    snapshot.known_silence = protocol::SilenceToTakeOver(record.ttl);
  }
};

// An annotation that somebody sets gives the dead another life.
class RestartsItsTimerAtAnyChange : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    if (!IsMine(snapshot.record)) snapshot.record.stamp += "@" + snapshot.version;
  }
};

class CountsFromItsFirstLook : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment received) override {
    if (!began_) began_ = received.boot;
    if (!IsMine(snapshot.record)) snapshot.known_silence = received.boot - *began_;
  }

 private:
  std::optional<BootTime> began_;
};

class JudgesByItsOwnTtl : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    Record& record = snapshot.record;
    if (IsClaimed(record) && !IsMine(record)) record.ttl = claim().times.ttl;
  }
};

class ForgetsTheHundredth : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    Record& record = snapshot.record;
    if (IsClaimed(record) && !IsMine(record)) record.ttl = record.ttl * 100 / 101;
  }
};

class RecoversByItsOwnKill : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    Record& record = snapshot.record;
    if (record.phase == Phase::kFree && record.owed_kill > milliseconds(0)) {
      record.owed_kill = std::min(record.owed_kill, claim().times.kill);
    }
  }
};

class TakesForeignHoldsForFree : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    Record& record = snapshot.record;
    if (!record.foreign || record.holder.name.empty()) return;
    record.foreign = false;
    record.phase = Phase::kFree;
    record.holder = {};
  }
};

// As client-go does.
class TakesBlankedHoldsForFree : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(Snapshot& snapshot, Moment /*received*/) override {
    Record& record = snapshot.record;
    if (!record.foreign || !record.holder.name.empty()) return;
    record.foreign = false;
    record.phase = Phase::kFree;
    record.owed_kill = {};
  }
};

// Its own instance is there, so the write that had no answer must have landed.
class TakesAnOldStampForAProof : public ProtocolUnderTest {
 public:
  using ProtocolUnderTest::ProtocolUnderTest;
  void OnWrite(const Result<Written>& reply, Moment sent, Moment received) override {
    unanswered_ =
        !reply && reply.error().code != ErrorCode::kConflict ? std::optional(sent) : std::nullopt;
    machine().OnWrite(reply, sent, received);
  }
  void OnRead(const Result<Snapshot>& reply, Moment received) override {
    const bool mine = reply && reply->exists() && IsMine(reply->record);
    if (mine && unanswered_ && machine().tenure()) {
      machine().OnWrite(Written{.version = reply->version, .next_token = reply->next_token},
                        *std::exchange(unanswered_, std::nullopt), received);
      return;
    }
    machine().OnRead(reply, received);
  }

 private:
  std::optional<Moment> unanswered_;
};

template <class Protocol>
std::unique_ptr<ProtocolUnderTest> Make(const Claim& claim, NonceSource nonces) {
  return std::make_unique<Protocol>(claim, std::move(nonces));
}

constexpr auto kMutants = std::to_array<Mutant>({
    {"takeover-without-wait", "a live hold is taken over at once", Make<TakesOverWithoutWaiting>},
    {"takeover-by-stored-time", "a hold is taken over when its stored renewal time is old",
     Make<BelievesStoredTimes>},
    {"timer-never-restarted", "silence counts from the first look, whoever renewed since",
     Make<CountsFromItsFirstLook>},
    {"timer-restarted", "any change of the object restarts the timer, an annotation too",
     Make<RestartsItsTimerAtAnyChange>},
    {"own-ttl", "a hold is judged by the observer's TTL, not by its own", Make<JudgesByItsOwnTtl>},
    {"hundredth-forgotten", "a hold goes stale after its TTL, as if all clocks had one rate",
     Make<ForgetsTheHundredth>},
    {"owed-forgotten", "what an earlier hold owes is not waited out: a break is a clean end",
     Make<ForgetsWhatIsOwed>},
    {"own-kill", "earlier work is given the successor's kill time, not its own",
     Make<RecoversByItsOwnKill>},
    {"allowance-forgotten", "the time that the last process takes to die is not waited",
     Make<ForgetsTheDeathAllowance>},
    {"retired-used", "a retired slot is used without a look at the number of slots",
     Make<UsesRetiredSlots>, 1079},
    {"credit-twice", "credit counts twice", Make<CountsCreditTwice>},
    {"origin-ignored", "a record that was made anew is taken for the old one",
     Make<IgnoresTheOrigin>, 2291},
    {"renews-others", "a holder renews whatever hold it finds", Make<RenewsWhatIsNotIts>},
    {"foreign-is-free", "a hold that names no instance is taken for free",
     Make<TakesForeignHoldsForFree>},
    {"blank-is-free", "a Lease that an elector blanked is free at once, as for client-go",
     Make<TakesBlankedHoldsForFree>},
    {"old-stamp-is-proof", "reading back the own instance counts as a renewal, whatever its stamp",
     Make<TakesAnOldStampForAProof>},
});

}  // namespace

std::span<const Mutant> ReadingMutants() { return kMutants; }

}  // namespace monopod::sim
