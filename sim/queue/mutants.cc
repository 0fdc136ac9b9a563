// Mistakes in what is sent, and in what is made of its outcome. What is read or heard wrongly is in
// mutants_reading.cc.
#include <algorithm>
#include <array>
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
using etcd::Put;
using etcd::RangeReply;
using etcd::Revision;
using etcd::TransactAction;
using etcd::Transaction;
using etcd::TransactionReply;
using protocol::Claim;
using protocol::Moment;

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

// As the plain recipe for locks does: what is known of a claim goes with its lease.
class LeavesNoMarker : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    std::erase_if(transaction.then, [&](const auto& operation) {
      const auto* put = std::get_if<Put>(&operation);
      if (put == nullptr || !keys().IdOfMarker(put->key)) return false;
      const auto marker = etcd::DecodeMarker({.key = put->key, .value = put->value});
      // The replies of a claim are told apart by their number.
      claims_ = marker && marker->state == MarkerState::kLive;
      return claims_;
    });
    if (!std::exchange(claims_, false)) return;
    transaction.then.insert(transaction.then.begin(), Transaction{.compares = {}});
  }

 private:
  bool claims_ = false;
};

// Puts its key back although it is gone.
class ProvesWithoutItsKey : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    if (transaction.then.empty()) return;
    const auto* proof = std::get_if<Put>(&transaction.then.front());
    if (proof == nullptr || !keys().IdOfMember(proof->key)) return;
    std::erase_if(transaction.compares,
                  [&](const Compare& compare) { return compare.key == proof->key; });
  }
};

// Whether an earlier try of it landed does not matter to it.
class ClaimsBlindly : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    std::erase_if(transaction.compares, [&](const Compare& compare) {
      return compare.target == Compare::Target::kCreateRevision && compare.revision == 0 &&
             keys().IdOfMarker(compare.key);
    });
  }
};

class InheritsNothing : public Missends {
 public:
  using Missends::Missends;

 protected:
  void Missend(Transaction& transaction) override {
    for (auto& operation : transaction.then) {
      auto* put = std::get_if<Put>(&operation);
      if (put == nullptr || !keys().IdOfMarker(put->key)) continue;
      auto marker = etcd::DecodeMarker({.key = put->key, .value = put->value});
      if (!marker || marker->owed.count() == 0) continue;
      marker->owed = {};
      put->value = etcd::Encode(*marker);
    }
  }
};

template <class Machine>
std::unique_ptr<MachineUnderTest> Make(const Claim& claim, const etcd::LockKeys& keys,
                                       Nonces nonces) {
  return std::make_unique<Machine>(claim, keys, std::move(nonces));
}

constexpr auto kMutants = std::to_array<Mutant>({
    {"tenure-from-receipt", "a tenure counts from the receipt of the answer",
     Make<CountsFromTheReceipt>},
    {"keep-alive-is-proof", "a lease that was kept alive extends the tenure",
     Make<TakesKeepAlivesForProofs>},
    {"no-revoke", "a claim of unknown fate is given up without revoking its lease",
     Make<GivesUpWithoutRevoking>},
    {"proof-unguarded", "a proof lands whatever was written since", Make<ProvesWhateverStands>,
     2206},
    {"tail-unchecked", "a release deletes the tail of others", Make<ReleasesWithoutALookAtTheTail>},
    {"wipe-unnoticed", "a claim whose keys were all deleted takes its place for lost alone",
     Make<EndsWhateverStands>},
    {"resize-ignored", "the number of slots may change unseen", Make<IgnoresResizing>},
    {"tail-over-orphans", "the tail is given back over claims that must be waited for",
     Make<GivesTheTailOverOrphans>, 5619},
    {"no-marker", "a claim leaves nothing that outlives its lease", Make<LeavesNoMarker>},
    {"proof-recreates", "a proof puts its key back although it is gone", Make<ProvesWithoutItsKey>},
    {"claim-repeated-blindly", "a claim without an answer is made again, landed or not",
     Make<ClaimsBlindly>},
    {"owed-not-said", "a claim that must wait for earlier work does not say so",
     Make<InheritsNothing>, 677},
});

}  // namespace

std::unique_ptr<MachineUnderTest> MakeProductionMachine(const Claim& claim,
                                                        const etcd::LockKeys& keys, Nonces nonces) {
  return std::make_unique<MachineUnderTest>(claim, keys, std::move(nonces));
}

std::vector<Mutant> AllMutants() {
  std::vector<Mutant> all(kMutants.begin(), kMutants.end());
  const auto reading = ReadingMutants();
  all.insert(all.end(), reading.begin(), reading.end());
  return all;
}

}  // namespace monopod::sim::queue
