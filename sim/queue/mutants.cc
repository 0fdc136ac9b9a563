#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "sim/queue/machine_under_test.h"
#include "src/etcd/lock_values.h"

namespace monopod::sim::queue {
namespace {

using etcd::Action;
using etcd::Compare;
using etcd::Delete;
using etcd::KeyValue;
using etcd::MarkerState;
using etcd::MarkerValue;
using etcd::Put;
using etcd::RangeReply;
using etcd::Revision;
using etcd::TransactAction;
using etcd::Transaction;
using etcd::TransactionReply;
using etcd::WatchEvent;
using etcd::WatchReport;
using protocol::Claim;
using protocol::Moment;

// Changes what the machine reads and hears.
class Misreads : public MachineUnderTest {
 public:
  using MachineUnderTest::MachineUnderTest;
  void OnTransaction(const Result<TransactionReply>& reply, Moment sent, Moment received) override {
    Result<TransactionReply> misread = reply;
    if (misread) MisreadReply(*misread);
    machine().OnTransaction(misread, sent, received);
  }
  void OnReport(const std::string& watched, const WatchReport& report, Moment received) override {
    WatchReport misheard = report;
    for (WatchEvent& event : misheard.events) Mishear(event);
    machine().OnReport(watched, misheard, received);
  }

 protected:
  virtual void MisreadReply(TransactionReply& reply) {
    for (auto& one : reply.replies) {
      if (auto* range = std::get_if<RangeReply>(&one)) MisreadRange(*range);
      if (auto* nested = std::get_if<TransactionReply>(&one)) MisreadReply(*nested);
    }
  }
  virtual void MisreadRange(RangeReply& range) {
    for (KeyValue& at : range.found) Misread(at);
  }
  virtual void Mishear(WatchEvent& event) {
    if (!event.deleted) Misread(event.now);
    if (event.previous) Misread(*event.previous);
  }
  virtual void Misread(KeyValue& /*at*/) {}
};

// Changes what it reads in markers.
class MisreadsMarkers : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (!keys().IdOfMarker(at.key)) return;
    auto marker = etcd::DecodeMarker(at);
    if (!marker) return;
    MisreadMarker(*marker);
    at.value = etcd::Encode(*marker);
  }
  virtual void MisreadMarker(MarkerValue& marker) = 0;
};

class WaitsForNobodysWork : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override { marker.kill = marker.owed = {}; }
};

class ForgetsTheDeathAllowance : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override { marker.kill -= protocol::kDeathAllowance; }
};

class CountsCreditTwice : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override { marker.credit *= 2; }
};

class TakesLeavingForAnEnd : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override {
    if (marker.state == MarkerState::kLeft) marker.state = MarkerState::kOver;
  }
};

class CountsOneSlotMore : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (at.key != keys().Slots()) return;
    auto slots = etcd::DecodeSlots(at);
    if (!slots || slots->slots == 1) return;
    ++slots->slots;
    at.value = etcd::Encode(*slots);
  }
};

class TakesDeletionForACleanEnd : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Mishear(WatchEvent& event) override {
    if (!event.deleted || !event.previous || !keys().IdOfMarker(event.now.key)) return;
    auto marker = etcd::DecodeMarker(*event.previous);
    if (!marker) return;
    marker->state = MarkerState::kOver;
    const Revision revision = event.now.mod_revision;
    event.now = *event.previous;
    event.now.mod_revision = revision;
    event.now.value = etcd::Encode(*marker);
    event.deleted = false;
  }
};

// Claims whose members are gone do not count.
class IgnoresOrphans : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void MisreadReply(TransactionReply& reply) override {
    // The last two of a scan.
    if (reply.replies.size() != 4) return;
    auto* markers = std::get_if<RangeReply>(&reply.replies[2]);
    const auto* members = std::get_if<RangeReply>(&reply.replies[3]);
    if (markers == nullptr || members == nullptr) return;
    std::erase_if(markers->found, [&](const KeyValue& marker) {
      const auto id = keys().IdOfMarker(marker.key);
      return id && std::ranges::find(members->found, keys().Member(*id), &KeyValue::key) ==
                       members->found.end();
    });
  }
};

class IgnoresForeignKeys : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void MisreadRange(RangeReply& range) override {
    const auto foreign = keys().Foreign();
    std::erase_if(range.found, [&](const KeyValue& at) {
      return at.key >= foreign.begin && at.key < foreign.end;
    });
  }
};

// The last proof that it saw is the last one that there was.
class CountsFromAnOlderProof : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (keys().IdOfMember(at.key)) seen_[at.key] = at.mod_revision;
  }
  void Mishear(WatchEvent& event) override {
    const auto seen = seen_.find(event.now.key);
    if (event.deleted && event.previous && seen != seen_.end()) {
      event.previous->mod_revision = seen->second;
    } else if (!event.deleted) {
      Misread(event.now);
    }
  }

 private:
  std::map<std::string, Revision> seen_;
};

class CountsFromTheReceipt : public MachineUnderTest {
 public:
  using MachineUnderTest::MachineUnderTest;
  void OnTransaction(const Result<TransactionReply>& reply, Moment /*sent*/,
                     Moment received) override {
    machine().OnTransaction(reply, received, received);
  }
};

class TakesKeepAlivesForProofs : public MachineUnderTest {
 public:
  using MachineUnderTest::MachineUnderTest;
  void OnKeepAlive(const Result<std::chrono::seconds>& reply, Moment sent,
                   Moment received) override {
    if (reply) kept_ = sent.boot;
    machine().OnKeepAlive(reply, sent, received);
  }
  std::optional<protocol::Tenure> tenure() const override {
    auto tenure = MachineUnderTest::tenure();
    if (tenure) tenure->proof = std::max(tenure->proof, kept_);
    return tenure;
  }

 private:
  BootTime kept_{};
};

// Gives up a claim of unknown fate without revoking the lease that keeps it from landing late.
class GivesUpWithoutRevoking : public MachineUnderTest {
 public:
  using MachineUnderTest::MachineUnderTest;
  Action Next(Moment now) override {
    Action action = MachineUnderTest::Next(now);
    if (!std::holds_alternative<etcd::RevokeAction>(action)) return action;
    machine().OnRevoke({}, now);
    return Next(now);
  }
};

// Changes the transactions that it sends.
class Missends : public MachineUnderTest {
 public:
  using MachineUnderTest::MachineUnderTest;
  Action Next(Moment now) override {
    Action action = MachineUnderTest::Next(now);
    if (auto* transact = std::get_if<TransactAction>(&action)) Missend(transact->transaction);
    return action;
  }

 protected:
  virtual void Missend(Transaction& transaction) = 0;

  bool DeletesTail(const Transaction& transaction) const {
    return std::ranges::any_of(transaction.then, [&](const auto& operation) {
      const auto* one = std::get_if<Delete>(&operation);
      return one != nullptr && one->key == keys().Tail();
    });
  }
};

class ProvesWhateverStands : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    std::erase_if(transaction.compares, [&](const Compare& compare) {
      return compare.target == Compare::Target::kModRevision && keys().IdOfMember(compare.key);
    });
  }
};

class ReleasesWithoutALookAtTheTail : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    if (!DeletesTail(transaction)) return;
    std::erase_if(transaction.compares,
                  [&](const Compare& compare) { return compare.key == keys().Tail(); });
  }
};

// That the keys were wiped away goes unnoticed.
class EndsWhateverStands : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    const auto* end =
        transaction.then.empty() ? nullptr : std::get_if<Delete>(&transaction.then[0]);
    if (end != nullptr && keys().IdOfMember(end->key) && transaction.compares.size() == 1) {
      transaction.compares.clear();
    }
  }
};

class IgnoresResizing : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    std::erase_if(transaction.compares,
                  [&](const Compare& compare) { return compare.key == keys().Slots(); });
  }
};

// Gives the tail back to the youngest that lives, whatever stands between.
class GivesTheTailOverOrphans : public Missends {
 public:
  using Missends::Missends;
  void OnTransaction(const Result<TransactionReply>& reply, Moment sent, Moment received) override {
    if (reply && reply->replies.size() == 4) NoteYoungest(*reply);
    machine().OnTransaction(reply, sent, received);
  }

 protected:
  void Missend(Transaction& transaction) override {
    // Who leaves behind others than those it knows puts its marker alone.
    if (!youngest_ || transaction.compares.size() != 1 || transaction.then.size() < 2) return;
    const auto* left = std::get_if<Put>(&transaction.then[1]);
    if (left == nullptr || !keys().IdOfMarker(left->key)) return;
    const std::string id = *keys().IdOfMarker(left->key);
    Transaction give_up{.compares = {{.key = keys().Tail(),
                                      .target = Compare::Target::kValue,
                                      .relation = Compare::Relation::kEqual,
                                      .revision = 0,
                                      .value = id}},
                        .then = {Delete{keys().Member(id)}, Delete{keys().Marker(id)},
                                 Put{keys().Tail(), *youngest_, etcd::kNoLease}},
                        .otherwise = {transaction}};
    transaction = std::move(give_up);
  }

 private:
  void NoteYoungest(const TransactionReply& reply) {
    const auto* members = std::get_if<RangeReply>(&reply.replies[3]);
    if (members == nullptr) return;
    Revision created = 0;
    youngest_.reset();
    for (const KeyValue& member : members->found) {
      const auto id = keys().IdOfMember(member.key);
      if (!id || member.create_revision < created) continue;
      created = member.create_revision;
      youngest_ = id;
    }
  }
  std::optional<std::string> youngest_;
};

template <class Machine>
std::unique_ptr<MachineUnderTest> Make(const Claim& claim, const etcd::LockKeys& keys,
                                       Nonces nonces) {
  return std::make_unique<Machine>(claim, keys, std::move(nonces));
}

constexpr auto kMutants = std::to_array<Mutant>({
    {"no-recovery", "the work of a claim whose member vanished is not waited for",
     Make<WaitsForNobodysWork>},
    {"queue-allowance-forgotten", "the time that the last process takes to die is not waited",
     Make<ForgetsTheDeathAllowance>},
    {"queue-credit-twice", "credit counts twice", Make<CountsCreditTwice>},
    {"left-is-over", "a claim that gave up is taken for one that held", Make<TakesLeavingForAnEnd>},
    {"one-slot-more", "one more than there are slots may hold", Make<CountsOneSlotMore>},
    {"deletion-is-clean", "a marker that is deleted is taken for a clean end",
     Make<TakesDeletionForACleanEnd>},
    {"orphans-ignored", "claims whose members are gone do not count", Make<IgnoresOrphans>},
    {"foreign-ignored", "the keys of others do not count", Make<IgnoresForeignKeys>},
    {"older-proof", "a recovery counts from an older proof than the last",
     Make<CountsFromAnOlderProof>, 335},
    {"tenure-from-receipt", "a tenure counts from the receipt of the answer",
     Make<CountsFromTheReceipt>},
    {"keep-alive-is-proof", "a lease that was kept alive extends the tenure",
     Make<TakesKeepAlivesForProofs>},
    {"no-revoke", "a claim of unknown fate is given up without revoking its lease",
     Make<GivesUpWithoutRevoking>},
    {"proof-unguarded", "a proof lands whatever was written since", Make<ProvesWhateverStands>,
     675},
    {"tail-unchecked", "a release deletes the tail of others", Make<ReleasesWithoutALookAtTheTail>},
    {"wipe-unnoticed", "a claim whose keys were all deleted takes its place for lost alone",
     Make<EndsWhateverStands>},
    {"resize-ignored", "the number of slots may change unseen", Make<IgnoresResizing>},
    {"tail-over-orphans", "the tail is given back over claims that must be waited for",
     Make<GivesTheTailOverOrphans>, 142},
});

}  // namespace

std::unique_ptr<MachineUnderTest> MakeProductionMachine(const Claim& claim,
                                                        const etcd::LockKeys& keys, Nonces nonces) {
  return std::make_unique<MachineUnderTest>(claim, keys, std::move(nonces));
}

std::span<const Mutant> AllMutants() { return kMutants; }

}  // namespace monopod::sim::queue
